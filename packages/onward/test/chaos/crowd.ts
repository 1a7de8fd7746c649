import { spawn } from "node:child_process"
import { once } from "node:events"
import { openSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface CrowdOptions {
  readonly seed: number
  readonly count: number
  /** Ports of the hubs. */
  readonly hubs: readonly number[]
  /** Where what they see is written. */
  readonly file: string
  /** Where their own trouble is written. */
  readonly output: string
}

/** All subscribers, in a process of their own that nothing happens to but what its connections suffer. */
export interface Crowd {
  readonly received: number
  /** How many of them have got something. */
  readonly begun: number
  /** Why a subscriber gave up, which none should. */
  readonly failure: string | undefined
  /** From now on nobody sleeps. */
  calm(): void
  /** Resolves once everything seen until now is in the file. */
  flush(): Promise<void>
  end(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL("programs/subscribers.ts", import.meta.url))

export function startCrowd(options: CrowdOptions): Crowd {
  const output = openSync(options.output, "a")
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, JSON.stringify(options)], {
    stdio: ["ignore", output, output, "ipc"],
  })
  let counts = { received: 0, begun: 0 }
  let failure: string | undefined
  let onFlushed = (): void => {}
  child.on("message", (said: typeof counts | { readonly failed: string } | { readonly isFlushed: true }) => {
    if ("received" in said) counts = said
    else if ("failed" in said) failure ??= said.failed
    else onFlushed()
  })
  child.on("exit", () => {
    failure ??= `the subscribers' process ended: see ${options.output}`
    onFlushed()
  })
  return {
    get received() {
      return counts.received
    },
    get begun() {
      return counts.begun
    },
    get failure() {
      return failure
    },
    calm: () => void child.send("calm"),
    async flush() {
      const flushed = new Promise<void>((resolve) => (onFlushed = resolve))
      child.send("flush")
      await flushed
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGKILL")
      await once(child, "exit")
    },
  }
}
