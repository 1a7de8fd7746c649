import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { apps } from "../../../../examples/test/apps.ts"
import { versionIn } from "../../../../examples/test/framework.ts"
import { NEST } from "../../../../scripts/nest.ts"
import { repositoryRoot } from "../house/imports.ts"
import { rigs } from "./rigs.ts"

/** The table that a command wrote: its header, and a row for each name. */
function tableOf(command: string): { header: string[]; rows: string[][] } {
  const text = readFileSync(join(repositoryRoot, "docs/adapters.md"), "utf8")
  const table = new RegExp(`<!-- ${command} -->\n([^]*?)<!-- end -->`).exec(text)?.[1] ?? ""
  const [header = [], , ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.slice(2, -2).split(" | "))
  return { header, rows: rows.flatMap(([names = "", ...cells]) => names.split("; ").map((name) => [name, ...cells])) }
}

test("docs/adapters.md has a row for each tested server, with no more claims than its clients pass, and no failure", () => {
  const { header, rows } = tableOf("npm run adapters")
  assert.deepEqual(
    rows.map(([name = ""]) => name).sort(),
    rigs.map(({ name }) => name).sort(),
    "npm run adapters writes the table again",
  )
  for (const [name = "", ...cells] of rows) {
    const ways = rigs.find((rig) => rig.name === name)?.client.ways ?? []
    const impossible = {
      FIN: !ways.includes("closing the connection"),
      RST: !ways.includes("a reset"),
      "half-close": !ways.includes("a half-close"),
      cancel: !ways.some((way) => way.startsWith("cancelling")),
    }
    for (const [column, cell] of cells.entries()) {
      const title = header[column + 1] as keyof typeof impossible
      assert.equal(cell, impossible[title] ? "–" : "✓", `${name}: ${title}`)
    }
  }
})

test("docs/adapters.md has a row for each built framework, in the version of its example", async () => {
  const { header, rows } = tableOf("npm run frameworks")
  const nest = `Nest ${NEST["@nestjs/core"]}`
  const expected = [`${nest} on Express`, `${nest} on Fastify`]
  for (const app of apps) expected.push(`${app.framework} ${await versionIn(app.example, app.package)}`)
  assert.deepEqual(rows.map(([name = ""]) => name).sort(), expected.sort(), "npm run frameworks writes the table again")
  for (const [name = "", ...cells] of rows) {
    const isLacking = apps.some((app) => app.lacksBackpressure && name.startsWith(app.framework))
    for (const [column, cell] of cells.slice(0, -1).entries()) {
      const title = header[column + 1] ?? ""
      const expected = title === "cancel" ? "–" : isLacking && title === "slow reader" ? "✗" : "✓"
      assert.equal(cell, expected, `${name}: ${title}`)
    }
  }
})
