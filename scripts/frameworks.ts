// npm run frameworks: runs tests that are too large for npm test: the shared adapter tests on an older Nest, and the apps of examples/, built
// and started. Writes the results into docs/adapters.md, unless examples are named: npm run frameworks -- 21-astro
import { globSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { apps } from "../examples/test/apps.ts"
import { versionIn } from "../examples/test/framework.ts"
import { findings, rowOf, writeTable } from "./cases-table.ts"
import { fetchNest, NEST } from "./nest.ts"

const named = process.argv.slice(2)
const rows: string[][] = []
let hasFailed = false

if (named.length === 0) {
  const { NODE_OPTIONS = "" } = process.env
  process.env.ONWARD_NEST = fetchNest()
  process.env.NODE_OPTIONS = `${NODE_OPTIONS} --import=${pathToFileURL(resolve("scripts/older-nest.ts")).href}`
  const { servers, ...found } = await findings(globSync("packages/onward/test/adapters/*.test.ts"), [
    /^nest( on \w+)?:/,
  ])
  hasFailed ||= found.hasFailed
  process.env.NODE_OPTIONS = NODE_OPTIONS
  for (const [server, sentences] of servers)
    rows.push([...rowOf(server.replace("nest", `Nest ${NEST["@nestjs/core"]}`), sentences), "response"])
}

process.env.ONWARD_FRAMEWORKS = named.length > 0 ? named.join() : "all"
const { servers, remarks, ...found } = await findings(["examples/test/frameworks.long.test.ts"])
hasFailed ||= found.hasFailed
for (const { example, framework, package: name } of apps) {
  const sentences = servers.get(framework)
  if (!sentences) continue
  const told = remarks.find((remark) => remark.startsWith(`${framework} tells by `)) ?? ""
  const row = rowOf(`${framework} ${await versionIn(example, name)}`, sentences)
  rows.push([...row, told.slice(`${framework} tells by `.length)])
}

const wanted = named.length > 0 ? apps.filter(({ example }) => named.includes(example)).length : apps.length + 2
if (hasFailed || rows.length < wanted) process.exitCode = 1
if (named.length === 0) writeTable("npm run frameworks", rows, ["the client's leaving is told by"])
for (const row of rows) console.log(row.join(" "))
