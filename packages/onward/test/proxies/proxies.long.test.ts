import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { examine } from "./examine.ts"
import { setups } from "./setups.ts"
import { missing } from "./start.ts"
import { readColumn } from "./table.ts"

// a proxy mostly waits for its limits, so all of them may do it at once
suite("proxies", { concurrency: true }, () => {
  for (const setup of setups) {
    test(`${setup.name} treats streams as docs/production.md says`, { skip: missing(setup) }, async () => {
      const findings = await examine(setup, ({ isLong = false }) => !isLong)
      const column = readColumn(setup)
      const said = new Map([...findings.keys()].map((title) => [title, column.get(title)]))
      assert.deepEqual(
        Object.fromEntries(findings),
        Object.fromEntries(said),
        "`npm run proxies` writes the table again",
      )
    })
  }
})
