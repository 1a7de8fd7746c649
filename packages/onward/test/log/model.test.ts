import { join } from "node:path"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { compare, compareMany, SEED } from "./compare.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test(`a memory log returns the same as a naive one, over random operations (seed ${SEED})`, () =>
  compareMany(20, (seed) => compare(seed, 100, memoryLog, false)))

test(`an SQLite log returns the same as a naive one, over random operations (seed ${SEED})`, async (t) => {
  const folder = temporaryFolder(t)
  await compareMany(4, (seed) => compare(seed, 120, (options) => sqliteLog(join(folder, `${seed}.db`), options), true))
})
