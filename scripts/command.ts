import { spawn } from "node:child_process"

/** A program to run, with the name that is printed for it. */
export interface Command {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly cwd?: string
}

/** The result of a command. `output` is what it printed to both streams, in order; empty if it was loud. */
export interface Outcome {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
  readonly output: string
}

export interface ExecuteOptions {
  /** Variables to add to those of this process; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Whether the command prints directly to this terminal. @default false */
  readonly loud?: boolean
  /** Ends the command and the processes it started when aborted. The outcome is then a failure with the reason as output. */
  readonly signal?: AbortSignal
}

/** Sends a signal to a running command. */
type Kill = (signal: NodeJS.Signals) => void

const running = new Set<Kill>()

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const kill of running) kill(signal)
    process.kill(process.pid, signal)
  })
}

/** Runs a command. Resolves with its outcome, also if it fails. */
export function execute(command: Command, options: ExecuteOptions = {}): Promise<Outcome> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command.program, command.args, {
      cwd: command.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.loud ? "inherit" : ["ignore", "pipe", "pipe"],
      // a process group can be ended as a whole
      detached: options.signal !== undefined,
    })
    const kill: Kill = (signal) => {
      if (options.signal === undefined) child.kill(signal)
      else if (child.pid !== undefined) process.kill(-child.pid, signal)
    }
    running.add(kill)
    let output = ""
    const giveUp = (): void => {
      output += String(options.signal?.reason)
      kill("SIGKILL")
    }
    options.signal?.addEventListener("abort", giveUp)
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => (output += text))
    const end = (passed: boolean) => {
      running.delete(kill)
      options.signal?.removeEventListener("abort", giveUp)
      resolve({ name: command.name, passed, seconds: (performance.now() - started) / 1000, output })
    }
    child.on("error", (error) => {
      output += error.message
      end(false)
    })
    child.on("close", (code) => end(code === 0))
  })
}

/** Runs commands in parallel, and prints a line for each, and the output of those that fail. Resolves with the number of failures. */
export async function executeAll(commands: readonly Command[]): Promise<number> {
  const outcomes = await Promise.all(
    commands.map(async (command) => {
      const outcome = await execute(command)
      console.log(`${outcome.passed ? "ok    " : "FAILED"} ${outcome.name} (${outcome.seconds.toFixed(1)} s)`)
      return outcome
    }),
  )
  const failed = outcomes.filter((outcome) => !outcome.passed)
  for (const { name, output } of failed) console.log(`\n── ${name} ──\n${output.trim()}\n`)
  return failed.length
}
