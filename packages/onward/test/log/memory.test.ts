import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { logCases } from "../../src/log/suite/index.ts"

const cases = logCases({
  create: () => ({ open: memoryLog }),
  lacks: { sharing: "a memory log is its own store" },
})

for (const { name, skip, run } of cases) if (skip === undefined) test(name, run)
