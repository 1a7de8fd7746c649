import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"

const root = process.getuid?.() === 0
const works = (...command: [string, ...string[]]): boolean => spawnSync(command[0], command.slice(1)).status === 0
const pinning = works("taskset", "-c", "1", "true")
const priority = root && works("nice", "-n", "-19", "true")

/** What could not be had on this machine, for the reader of the figures. */
export const shortcomings: readonly string[] = [
  ...(pinning ? [] : ["processes are not pinned to cores (no `taskset`, or one core only)"]),
  ...(priority ? [] : ["no raised priority (not root)"]),
]

export interface StartOptions {
  /** The core it is pinned to. */
  readonly core: number
  /** The runtime and its arguments. @default this Node */
  readonly program?: readonly string[] | undefined
  readonly flags?: readonly string[]
  readonly file: string
  readonly args?: readonly string[]
}

/** Niceness counts only within a scheduling group (autogroup, sched(7)), so the group that its own session made gets it too. */
function raiseGroup(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, "-19")
  } catch {
    // a kernel without such groups needs no more
  }
}

const NODE = [process.execPath, "--conditions=onward-source"]

/** A process of the bench that speaks in lines of JSON and ends when its stdin does. */
export class Helper {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor({ core, program = NODE, flags = [], file, args = [] }: StartOptions) {
    const command = [
      ...(priority ? ["nice", "-n", "-19"] : []),
      ...(pinning ? ["taskset", "-c", String(core)] : []),
      ...program,
      ...flags,
      file,
      ...args,
    ]
    // nice and taskset replace themselves by what they start, so there is one process and its id is known
    this.#child = spawn(command[0] as string, command.slice(1), { stdio: ["pipe", "pipe", "inherit"], detached: true })
    if (priority) raiseGroup(this.pid)
    this.#child.stdin?.on("error", () => undefined)
    this.#lines = createInterface({ input: this.#child.stdout as Readable })[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.#child.pid as number
  }

  say(line: string): void {
    ;(this.#child.stdin as Writable).write(`${line}\n`)
  }

  /** The next line it prints; throws when it ends instead or stays silent for `seconds`. */
  async hear<T>(seconds = 120): Promise<T> {
    const silence = Promise.withResolvers<never>()
    const timer = setTimeout(() => silence.reject(new Error(`no word from a process in ${seconds} s`)), seconds * 1000)
    try {
      const line = await Promise.race([this.#lines.next(), silence.promise])
      if (line.done) throw new Error("a process of the bench ended early")
      return JSON.parse(line.value) as T
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends it kindly, then by force. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => void child.once("exit", () => resolve()))
    child.stdin?.end()
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000)
    await gone
    clearTimeout(timer)
  }
}
