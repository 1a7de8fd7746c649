import { spawn } from "node:child_process"

/** A program to run, with the name it goes by in what we print. */
export interface Command {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly cwd?: string
}

/** How a command ended; `output` is what it printed, both streams in order, unless it printed for itself. */
export interface Outcome {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
  readonly output: string
}

export interface ExecuteOptions {
  /** Variables beside those of this process; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Lets the command print for itself. @default false */
  readonly loud?: boolean
  /** Ends the command, and what it has started, when aborted. The outcome is a failure whose output is the reason. */
  readonly signal?: AbortSignal
}

/** Sends a signal to a command that runs. */
type Kill = (signal: NodeJS.Signals) => void

const running = new Set<Kill>()

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const kill of running) kill(signal)
    process.kill(process.pid, signal)
  })
}

/** Runs a command to its end; a failure is an outcome, not an error. */
export function execute(command: Command, options: ExecuteOptions = {}): Promise<Outcome> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command.program, command.args, {
      cwd: command.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.loud ? "inherit" : ["ignore", "pipe", "pipe"],
      // a group of its own can be ended as a whole
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

/** Runs commands at the same time; prints a line for each, and what it said when it failed. Resolves to how many failed. */
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
