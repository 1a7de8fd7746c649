import { join } from "node:path"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { compare, compareMany, SEED } from "./compare.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test(`a memory log answers like a naive one, whatever is done to it (seed ${SEED})`, () =>
  compareMany(60, (seed) => compare(seed, 100, memoryLog, false)))

test(`an SQLite log answers like a naive one, whatever is done to it (seed ${SEED})`, async (t) => {
  const folder = temporaryFolder(t)
  await compareMany(4, (seed) => compare(seed, 120, (options) => sqliteLog(join(folder, `${seed}.db`), options), true))
})
