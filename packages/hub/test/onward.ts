import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import type { TestContext } from "node:test"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

/** The command `onward`, run as a process of its own. */
export interface Onward {
  readonly child: ChildProcess
  /** What it printed so far, to both streams. */
  readonly printed: () => string
  /** Resolves to its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>
}

export interface Listening extends Onward {
  readonly url: string
  readonly port: number
}

export function runOnward(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Onward {
  const child = spawn(process.execPath, ["--conditions=onward-source", bin, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  })
  let text = ""
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => (text += chunk))
  const ended = once(child, "close").then(([code]) => code as number | null)
  t.after(async () => {
    child.kill("SIGKILL")
    await ended
  })
  return { child, printed: () => text, ended }
}

/** Runs `onward serve` and waits until it listens. */
export async function serveOnward(
  t: TestContext,
  {
    data,
    port = 0,
    args = [],
    env,
  }: { data: string; port?: number; args?: readonly string[]; env?: NodeJS.ProcessEnv },
): Promise<Listening> {
  const onward = runOnward(t, ["serve", "--data", data, "--port", String(port), ...args], env)
  let isOver = false
  void onward.ended.then(() => (isOver = true))
  for (;;) {
    const [, url, actual] = /listens on (https?:\/\/\S+:(\d+))[, ]/.exec(onward.printed()) ?? []
    if (url !== undefined) return { ...onward, url, port: Number(actual) }
    if (isOver) throw new Error(`onward did not start: ${onward.printed()}`)
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
}

/** The worker processes of a hub. */
export function workersOf(pid: number | undefined): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
  return children.trim().split(" ").filter(Boolean).map(Number)
}
