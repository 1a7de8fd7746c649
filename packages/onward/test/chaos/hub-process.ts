import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { openSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { createLink, type Link } from "./link.ts"
import type { LogAddress } from "./open-log.ts"

/** A hub in a process of its own, behind a link that leads to wherever it listens. */
export interface HubProcess extends AsyncDisposable {
  readonly link: Link
  /** Set when the process ended and nobody had killed it. */
  readonly failure: string | undefined
  start(): Promise<void>
  /** `kill -9`, and started anew after `ms`. */
  kill(ms: number): Promise<void>
  /** Stands still for `ms`, or until it is killed. */
  freeze(ms: number): Promise<void>
  /** Sets its clock by so many ms. */
  step(offset: number): void
}

export interface HubProcessOptions {
  readonly name: string
  readonly address: LogAddress
  /** Where its output goes. */
  readonly file: string
}

const PROGRAM = fileURLToPath(new URL("programs/hub.ts", import.meta.url))

export async function createHubProcess({ name, address, file }: HubProcessOptions): Promise<HubProcess> {
  const output = openSync(file, "a")
  let port: number | undefined
  const link = await createLink(() => port)
  let child: ChildProcess | undefined
  let failure: string | undefined
  /** Killing and starting take turns. */
  let turn: Promise<void> = Promise.resolve()

  async function run(): Promise<void> {
    const mine = spawn(process.execPath, [...process.execArgv, PROGRAM, JSON.stringify(address)], {
      stdio: ["ignore", output, output, "ipc"],
    })
    child = mine
    mine.on("exit", (code, signal) => {
      if (child === mine) failure = `${name} ended by itself (${code ?? signal}): see ${file}`
    })
    const said = once(mine, "message") as Promise<[{ readonly port: number }]>
    const ended = once(mine, "exit").then(() => undefined)
    const [message] = (await Promise.race([said, ended])) ?? []
    if (!message) throw new Error(`${name} did not start: see ${file}`)
    port = message.port
  }

  async function end(): Promise<void> {
    const mine = child
    child = undefined
    port = undefined
    if (!mine || mine.exitCode !== null || mine.signalCode !== null) return
    mine.kill("SIGKILL")
    await once(mine, "exit")
  }

  const inTurn = (act: () => Promise<void>): Promise<void> => (turn = turn.catch(() => {}).then(act))

  return {
    link,
    get failure() {
      return failure
    },
    start: () => inTurn(run),
    kill: (ms) =>
      inTurn(async () => {
        await end()
        await wait(ms)
        await run()
      }),
    async freeze(ms) {
      const mine = child
      mine?.kill("SIGSTOP")
      await wait(ms)
      mine?.kill("SIGCONT")
    },
    step(offset) {
      if (child?.connected) child.send({ offset })
    },
    async [Symbol.asyncDispose]() {
      await inTurn(end)
      await link[Symbol.asyncDispose]()
    },
  }
}
