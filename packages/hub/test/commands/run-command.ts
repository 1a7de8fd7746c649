import { PassThrough, Readable } from "node:stream"
import { findCommand } from "../../src/commands/index.ts"
import type { TestServer } from "../server.ts"

export interface Ran {
  readonly stdout: PassThrough
  /** What was printed so far. */
  readonly out: () => string
  readonly err: () => string
  /** Resolves with the exit code; rejects as the command does. */
  readonly ended: Promise<number>
}

export interface RunOptions {
  /** Standard input: text, or a stream. @default empty */
  readonly input?: string | Readable
  readonly isTerminal?: boolean
  readonly env?: NodeJS.ProcessEnv
  /** Whether standard output is read. @default true */
  readonly isRead?: boolean
}

/** Runs a command of `onward` in this process, as a user of `server` would. */
export function runCommand(
  server: Pick<TestServer, "url">,
  [name, ...args]: readonly string[],
  { input = "", isTerminal = false, env = {}, isRead = true }: RunOptions = {},
): Ran {
  const stdout = Object.assign(new PassThrough({ highWaterMark: 1_024 }), { isTTY: isTerminal })
  const stderr = new PassThrough()
  let out = ""
  let err = ""
  if (isRead) stdout.setEncoding("utf8").on("data", (text) => (out += text))
  stderr.setEncoding("utf8").on("data", (text) => (err += text))
  const command = findCommand(name ?? "")?.read(args, { ONWARD_URL: server.url, ...env })
  if (!command) throw new Error(`"${name}" is not a command, or asks for help`)
  const stdin = typeof input === "string" ? Readable.from(input === "" ? [] : [Buffer.from(input)]) : input
  // what was written before the end is read in a later turn
  const ended = command
    .run({ stdin, stdout, stderr, env: { ...process.env, ...env } })
    .finally(() => new Promise((resolve) => setImmediate(resolve)))
  return { stdout, out: () => out, err: () => err, ended }
}

/** Runs a command to its end. */
export async function outputOf(
  server: Pick<TestServer, "url">,
  args: readonly string[],
  options?: RunOptions,
): Promise<{ code: number; out: string; err: string }> {
  const { ended, out, err } = runCommand(server, args, options)
  const code = await ended
  return { code, out: out(), err: err() }
}

/** Waits until `holds`; a test's own time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
