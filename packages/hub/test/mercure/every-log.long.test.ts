import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { globSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { promisify } from "node:util"
import { redisMissing, startRedis } from "../../../onward/test/stores/redis.ts"

const files = globSync("*.test.ts", { cwd: import.meta.dirname })
  .filter((name) => !/\.(?:slow|long)\./.test(name))
  .sort()

/** Runs a test file with another log than memory. */
async function runWith(log: string, file: string): Promise<void> {
  const args = [...process.execArgv.filter((arg) => arg.startsWith("--conditions")), "--test", "--test-reporter=tap"]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const run = promisify(execFile)(process.execPath, [...args, join(import.meta.dirname, file)], {
    env: { ...env, MERCURE_TEST_LOG: log },
    maxBuffer: 64 * 1024 ** 2,
  })
  const { stdout } = await run.catch((error: { stdout: string }) => assert.fail(error.stdout.slice(-8_000)))
  assert.match(stdout, /^# pass [1-9]/m)
}

for (const file of files) {
  test(`${file} of the Mercure endpoint passes with a log in SQLite`, () => runWith("sqlite", file))

  test(`${file} of the Mercure endpoint passes with a log in Redis`, { skip: redisMissing }, async (t) => {
    const redis = await startRedis({ configuration: ["databases 256"] })
    t.after(() => redis.close())
    await runWith(redis.url, file)
  })
}
