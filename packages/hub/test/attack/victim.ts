import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const BIN = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))
const PROBE = new URL("programs/probe.ts", import.meta.url).href
/** Most characters kept of what it prints. */
const MAX_PRINTED = 1_000_000
/** How long it may take to start, in ms. */
const START_MS = 60_000

/** What a hub's process measures of itself. */
export interface Figures {
  /** Resident memory, in bytes. */
  readonly rss: number
  /** How long its event loop was late at most since it was last asked, in ms. A busy machine makes it longer. */
  readonly delay: number
}

/** `onward serve` as a process of its own. */
export interface Victim extends AsyncDisposable {
  readonly port: number
  /** What it printed. */
  readonly printed: () => string
  /** How it ended although nothing ended it. */
  readonly crash: () => string | undefined
  /** Undefined when it does not answer within 10 s. */
  figures(): Promise<Figures | undefined>
  /** Ends it by SIGKILL and starts it again on the same port and the same data. */
  restart(): Promise<void>
}

export interface VictimOptions {
  readonly folder: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export async function startVictim({ folder, args, env }: VictimOptions): Promise<Victim> {
  let text = ""
  let crash: string | undefined
  let child: ChildProcess
  let port = 0
  let isEnding = false

  async function start(): Promise<void> {
    const common = ["serve", "--no-demo", "--data", join(folder, "data"), "--port", String(port)]
    const started = fork(BIN, [...common, ...args], {
      execArgv: ["--conditions=onward-source", "--import", PROBE],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, ...env },
    })
    child = started
    const from = text.length
    for (const stream of [started.stdout, started.stderr])
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        if (text.length < MAX_PRINTED) text += chunk
      })
    started.once("exit", (code, signal) => {
      if (!isEnding) crash ??= `it ended by ${signal ?? `exit code ${code}`}`
    })
    for (const since = performance.now(); ;) {
      const [, actual] = /listens on http:\/\/\S+:(\d+)/.exec(text.slice(from)) ?? []
      if (actual !== undefined) return void (port = Number(actual))
      if (performance.now() - since > START_MS) {
        await kill()
        crash = `it did not listen within ${START_MS} ms`
      }
      if (crash !== undefined) throw new Error(`The hub did not start: ${crash}. ${text.slice(from)}`)
      await new Promise((resolve) => void setTimeout(resolve, 20))
    }
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    isEnding = true
    child.kill("SIGKILL")
    await once(child, "exit")
    isEnding = false
  }

  await start()
  return {
    get port() {
      return port
    },
    printed: () => text,
    crash: () => crash,
    async figures() {
      if (!child.connected) return undefined
      const answer = once(child, "message", { signal: AbortSignal.timeout(10_000) }) as Promise<[Figures]>
      child.send("figures?")
      return answer.then(([figures]) => figures).catch(() => undefined)
    },
    async restart() {
      await kill()
      await start()
    },
    [Symbol.asyncDispose]: kill,
  }
}
