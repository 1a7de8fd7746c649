import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { createFaultServer, type FaultServer } from "../../packages/onward/test/client/fault-server.ts"
import { play, type ScriptAttempt } from "../../packages/onward/test/client/script.ts"
import type { Dispatched, State } from "../../packages/onward/test/client/vector.ts"
import type { Client } from "./clients.ts"
import type { Failure, Report, Task } from "./task.ts"

/** What a client was seen to do, and the server with the requests it made. */
export interface Observation {
  readonly requests: FaultServer["requests"]
  readonly events: Dispatched[]
  readonly failures: Failure[]
  readonly errorStates: State[]
  opens: number
  caught: number
  state: State
  /** The code its process ended with, while it still had things to do. */
  exit?: number | undefined
  /** Bytes the server wrote, as far as it counts them. */
  readonly written: () => number
}

export type Answer = Parameters<typeof createFaultServer>[0]
export type Exchange = Parameters<Answer>[0]

export interface Scene {
  readonly task: Omit<Task, "url">
  /** Attempts, the last of which repeats, or what makes whatever else a server may do. */
  readonly server: readonly ScriptAttempt[] | (() => Answer)
  /** How long it is watched after its first request, in ms. */
  readonly runMs: number
  /** Whether nothing more needs to be waited for. */
  isComplete?(seen: Observation): boolean
}

/** A process, or a page, in which one client runs. */
export interface Stage {
  readonly isCors?: boolean
  open(
    client: Client,
    task: Task,
    told: (report: Report) => void,
    exited: (code: number) => void,
  ): Promise<() => Promise<void>>
}

/** Lets a client play a scene. Resolves once its time is up, or all is seen. */
export async function observe(client: Client, scene: Scene, stage: Stage): Promise<Observation> {
  const { server: script } = scene
  const sockets: { bytesWritten: number; writableLength: number }[] = []
  const answer = typeof script === "function" ? script() : play(script)
  const server = await createFaultServer(
    (exchange) => {
      sockets.push(exchange.socket)
      return answer(exchange)
    },
    { cors: stage.isCors === true },
  )
  const seen: Observation = {
    requests: server.requests,
    events: [],
    failures: [],
    errorStates: [],
    opens: 0,
    caught: 0,
    state: "connecting",
    // what the kernel has taken
    written: () => sockets.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0),
  }
  const told = (report: Report): void => {
    if ("opened" in report) seen.opens++
    else if ("event" in report) seen.events.push(report.event)
    else if ("state" in report) seen.state = report.state
    else if ("caught" in report) seen.caught++
    else {
      seen.failures.push(report.failed)
      seen.errorStates.push(report.failed.state)
    }
  }
  const close = await stage.open(client, { ...scene.task, url: server.url }, told, (code) => (seen.exit = code))
  const until = async (ms: number, isDone: () => boolean): Promise<void> => {
    for (const end = performance.now() + ms; performance.now() < end && !isDone();) await sleep(20)
  }
  await until(15_000, () => server.requests.length > 0 || seen.exit !== undefined)
  await until(scene.runMs, () => seen.exit !== undefined || scene.isComplete?.(seen) === true)
  // as it is now, before we end it
  const { exit } = seen
  const bytes = seen.written()
  const requests = server.requests.map((request) => ({ ...request, closedAt: request.closedAt }))
  await close()
  // a server that fails is no failure of the client's: sockets are reset under its hands
  await Promise.resolve(server[Symbol.asyncDispose]()).catch(() => {})
  return { ...seen, requests, exit, written: () => bytes }
}

/** A process of its own for each. */
export const node: Stage = {
  async open({ start, flags = [] }, task, told, exited) {
    const file = join(import.meta.dirname, "run.ts")
    const args = ["--conditions=onward-source", ...flags, file, start, JSON.stringify(task)]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] })
    createInterface({ input: child.stdout }).on("line", (line) => told(JSON.parse(line) as Report))
    child.on("exit", (code) => exited(code ?? -1))
    return async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGKILL")
      await once(child, "exit")
    }
  },
}
