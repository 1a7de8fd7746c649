import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { logCases } from "../../src/log/suite/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"

const cases = logCases({
  create() {
    const folder = mkdtempSync(join(tmpdir(), "onward-"))
    return {
      open: (options) => sqliteLog(join(folder, "events.db"), options),
      remove: () => rmSync(folder, { recursive: true }),
    }
  },
})

for (const { name, run } of cases) test(name, run)
