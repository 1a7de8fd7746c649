import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { parseConfig } from "../../src/config/index.ts"
import { settings } from "../../src/config/settings.ts"
import { LIMITS } from "../../src/gateway/limits.ts"
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

test("docs/gateway.md names options that exist", () => {
  const options = new Set(settings.map(({ option }) => option))
  const named = [...page.matchAll(/--upstream[\w-]*/g)].map(([option]) => option)
  assert.ok(named.length > 10)
  assert.deepEqual(
    named.filter((option) => !options.has(option)),
    [],
  )
})

test("the defaults of the configuration are those of the gateway", () => {
  const { limits } = parseConfig({}).gateway
  assert.deepEqual({ ...limits, abandonAfter: Infinity }, LIMITS)
})

test("docs/gateway.md lists endpoints that the gateway handles itself", () => {
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
