import { spawn, type ChildProcess } from "node:child_process"

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
}

const running = new Set<ChildProcess>()

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal)
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
    })
    running.add(child)
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => (output += text))
    const end = (passed: boolean) => {
      running.delete(child)
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
