import { spawn } from "node:child_process"
import { once } from "node:events"
import { resolve } from "node:path"
import { createInterface } from "node:readline"

/** What a test file made of a change. */
export interface Verdict {
  /** The first test that failed, or that the file did not end in time; undefined when all passed. */
  readonly noticed: string | undefined
  readonly seconds: number
}

/** Hundreds of processes load the same modules. */
const COMPILED = resolve(".cache/mutation/compiled")

/**
 * Runs one test file until its first test fails, and ends what it has started.
 *
 * @param coverage a folder for what it ran. Compiled code that was kept would make that less exact.
 */
export async function notice(folder: string, test: string, timeout: number, coverage?: string): Promise<Verdict> {
  const started = performance.now()
  const either = coverage === undefined ? { NODE_COMPILE_CACHE: COMPILED } : { NODE_V8_COVERAGE: resolve(coverage) }
  // without --test, which would start a second process to watch the first
  const child = spawn(process.execPath, ["--conditions=onward-source", "--test-reporter=tap", test], {
    cwd: folder,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...either },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  })
  const end = (): void => {
    try {
      process.kill(-(child.pid as number), "SIGKILL")
    } catch {
      // it has ended by itself
    }
  }
  let noticed: string | undefined
  const timer = setTimeout(() => {
    noticed ??= `${test} did not end within ${Math.round(timeout / 1_000)} s`
    end()
  }, timeout)
  const exited = once(child, "exit")
  // what a test has started may hold the output open
  void exited.then(end)
  for await (const line of createInterface(child.stdout)) {
    const [, name] = /^\s*not ok \d+ - (.*)$/.exec(line) ?? []
    if (name === undefined || name.includes(" # TODO")) continue
    noticed ??= name
    end()
  }
  const [code] = (await exited) as [number | null]
  clearTimeout(timer)
  if (code !== 0) noticed ??= `${test} exited with ${code}`
  return { noticed, seconds: (performance.now() - started) / 1_000 }
}
