import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

/** What the tests made of a change. */
export interface Verdict {
  /** The first test that failed, or that the tests did not end in time; undefined when all passed. */
  readonly noticed: string | undefined
  readonly seconds: number
}

/** Runs test files until the first test fails, and ends what they have started. */
export async function notice(folder: string, tests: readonly string[], timeout: number): Promise<Verdict> {
  const started = performance.now()
  const child = spawn(
    process.execPath,
    ["--conditions=onward-source", "--test", "--test-concurrency=2", "--test-reporter=tap", ...tests],
    {
      cwd: folder,
      // the runner refuses to start within a test of another
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    },
  )
  const end = (): void => {
    try {
      process.kill(-(child.pid as number), "SIGKILL")
    } catch {
      // it has ended by itself
    }
  }
  let noticed: string | undefined
  const timer = setTimeout(() => {
    noticed = `the tests did not end within ${Math.round(timeout / 1_000)} s`
    end()
  }, timeout)
  for await (const line of createInterface(child.stdout)) {
    const [, name] = /^\s*not ok \d+ - (.*)$/.exec(line) ?? []
    if (name === undefined) continue
    noticed ??= name
    end()
  }
  clearTimeout(timer)
  end()
  return { noticed, seconds: (performance.now() - started) / 1_000 }
}
