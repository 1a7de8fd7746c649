import type { Environment } from "../config/index.ts"
import type { CommandTable } from "./flag.ts"
import { DOCTOR, readDoctor } from "../doctor/index.ts"
import { BENCH, readBench } from "./bench/command-line.ts"
import { PUBLISH, readPublish } from "./publish/command-line.ts"
import { readTail, TAIL } from "./tail/command-line.ts"
import { readTop, TOP } from "./top/command-line.ts"
import type { Terminal } from "./terminal.ts"

export { commandUsage } from "./usage.ts"
export { isClosedPipe, type Terminal } from "./terminal.ts"

/** A command line that is ready to run. */
export interface Runnable {
  /** Resolves with the exit code. Rejects with the error of a pipe that was closed. */
  run(terminal: Terminal): Promise<number>
}

interface ClientCommand {
  readonly table: CommandTable
  /** Returns undefined for `--help`. Throws `UsageError`. */
  read(args: readonly string[], env: Environment): Runnable | undefined
}

/** Commands that talk to a running server. Each is loaded when it runs. */
export const CLIENT_COMMANDS: readonly ClientCommand[] = [
  {
    table: TAIL,
    read(args, env) {
      const options = readTail(args, env)
      return options && { run: async (terminal) => (await import("./tail/tail.ts")).tail(options, terminal) }
    },
  },
  {
    table: PUBLISH,
    read(args, env) {
      const options = readPublish(args, env)
      return options && { run: async (terminal) => (await import("./publish/publish.ts")).publish(options, terminal) }
    },
  },
  {
    table: BENCH,
    read(args, env) {
      const options = readBench(args, env)
      return options && { run: async (terminal) => (await import("./bench/bench.ts")).bench(options, terminal) }
    },
  },
  {
    table: TOP,
    read(args, env) {
      const options = readTop(args, env)
      return options && { run: async (terminal) => (await import("./top/top.ts")).top(options, terminal) }
    },
  },
  {
    table: DOCTOR,
    read(args) {
      const options = readDoctor(args)
      return options && { run: async (terminal) => (await import("../doctor/doctor.ts")).doctor(options, terminal) }
    },
  },
]

/** Finds a command by its name or alias. */
export const findCommand = (name: string): ClientCommand | undefined =>
  CLIENT_COMMANDS.find(({ table }) => table.name === name || table.alias === name)
