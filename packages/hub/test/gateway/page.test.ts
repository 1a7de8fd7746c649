import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { GATEWAY_FLAGS } from "../../src/gateway/command-line.ts"
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

/** The limit that each option sets. The others are lists. */
const LIMIT_OF: Readonly<Record<string, keyof GatewayLimits>> = {
  "upstream-head-after": "headAfter",
  "upstream-head-timeout": "headTimeout",
  "upstream-first-timeout": "firstTimeout",
  "upstream-idle-timeout": "idleTimeout",
  "upstream-upload-timeout": "uploadTimeout",
  "upstream-max-request": "requestBytes",
  "upstream-max-answer": "answerBytes",
  "upstream-retries": "retries",
  "upstream-abandon": "abandonAfter",
}

test("docs/gateway.md lists every option of the gateway, with its default", () => {
  const listed = new Map(
    rowsBelow("Limits").map(([, option = "", , value = ""]) => [/--([\w-]+)/.exec(option)?.[1] ?? option, value]),
  )
  const options = Object.keys(GATEWAY_FLAGS).filter((name) => name !== "upstream")
  assert.deepEqual([...listed.keys()].sort(), options.sort())
  for (const [option, limit] of Object.entries(LIMIT_OF)) {
    const value = LIMITS[limit]
    const text = value === Infinity ? "never" : value.toLocaleString("en-US")
    assert.equal(listed.get(option)?.split(", or ")[0], text, option)
  }
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
