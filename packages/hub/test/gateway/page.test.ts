import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { parseConfig } from "../../src/config/index.ts"
import { settings } from "../../src/config/settings.ts"
import { LIMITS, type GatewayLimits } from "../../src/gateway/limits.ts"
import { routeOf } from "../../src/gateway/routes.ts"

const page = readFileSync(new URL("../../../../docs/gateway.md", import.meta.url), "utf8")

/** The rows of the first table below a heading, as their cells. */
function rowsBelow(heading: string): string[][] {
  const [, table = ""] = new RegExp(`^## ${heading}\\n[^]*?\\n\\|---.*\\n((?:\\|.*\\n)+)`, "m").exec(page) ?? []
  return table
    .trim()
    .split("\n")
    .map((row) => row.split("|").map((cell) => cell.trim()))
}

test("docs/gateway.md lists every option of the gateway, with its default", () => {
  const listed = new Map(
    rowsBelow("Limits").map(([, option = "", , value = ""]) => [/--([\w-]+)/.exec(option)?.[1] ?? option, value]),
  )
  const ofGateway = settings.filter(({ name }) => name.startsWith("gateway.") && name !== "gateway.upstreams")
  assert.deepEqual([...listed.keys()].sort(), ofGateway.map(({ option = "" }) => option.slice(2)).sort())
  for (const { option = "", path } of ofGateway.filter(({ name }) => name.startsWith("gateway.limits."))) {
    const value = LIMITS[path.at(-1) as keyof GatewayLimits]
    const text = value === Infinity ? "never" : value.toLocaleString("en-US")
    assert.equal(listed.get(option.slice(2))?.split(", or ")[0], text, option)
  }
})

test("the defaults of the configuration are those of the gateway", () => {
  const { limits } = parseConfig({}).gateway
  assert.deepEqual({ ...limits, abandonAfter: Infinity }, LIMITS)
})

test("docs/gateway.md lists endpoints that the gateway answers itself", () => {
  const listed = rowsBelow("Endpoints").flatMap(([, request = ""]) => [
    ...request.matchAll(/`(GET|POST|DELETE) \/v1\/([^`?]*)/g),
  ])
  const places = listed.map(([, method = "", path = ""]) =>
    routeOf(method, path.replace(/\{\w+\}/, "run_1").split("/")),
  )
  assert.deepEqual(
    places.map(({ type }) => type),
    ["create", "create", "create", ...Array.from({ length: 7 }, () => "answer")],
  )
})
