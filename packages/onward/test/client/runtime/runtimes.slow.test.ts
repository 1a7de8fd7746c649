import assert from "node:assert/strict"
import { rmSync } from "node:fs"
import { after, before, test } from "node:test"
import { runtimeOf, RUNTIMES } from "../../../../../scripts/runtime.ts"
import type { Outcome } from "./case.ts"
import { serveCase } from "./case-server.ts"
import { cases, DEVIATIONS } from "./cases.ts"
import { LAUNCHES } from "./launch.ts"
import { createProject } from "./project.ts"

let folder: string

before(() => {
  folder = createProject()
})

after(() => rmSync(folder, { recursive: true }))

/** Name in the sentence, launch, program. */
const runtimes = [
  [`Node ${process.versions.node}`, "node", process.execPath],
  ...Object.entries(RUNTIMES).map(([name, version]) => [`${name} ${version}`, name, runtimeOf(name)]),
] as const

for (const [title, runtime, program] of runtimes as readonly (readonly [string, string, string | undefined])[]) {
  const skip = program === undefined && `${runtime} was not fetched: npm run runtimes does that`
  test(`${title} runs the client as installed`, { skip }, async (t) => {
    const servers = await Promise.all(cases.map(serveCase))
    t.after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())))
    const urls = servers.map(({ url }) => url)
    const output = await LAUNCHES[runtime]?.(program as string, folder, urls)
    const outcomes = JSON.parse(output as string) as Outcome[]
    for (const { name, error } of outcomes) {
      const reason = DEVIATIONS[runtime]?.[name]
      await t.test(reason === undefined ? name : `${name} – but: ${reason}`, () => assert.equal(error, undefined))
    }
    assert.deepEqual(
      outcomes.map(({ name }) => name),
      cases.map(({ name }) => name),
    )
  })
}

test("each deviation belongs to an existing case", () => {
  const names = new Set(cases.map(({ name }) => name))
  for (const table of Object.values(DEVIATIONS)) for (const name of Object.keys(table)) assert.ok(names.has(name), name)
})
