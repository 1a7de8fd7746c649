import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { http1 } from "../../packages/onward/test/adapters/clients.ts"
import type { Exchange } from "../../packages/onward/test/adapters/exchange.ts"
import type { Asked } from "../../packages/onward/test/adapters/rig.ts"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import type { App } from "./apps.ts"
import { buildFramework, compileExample, placeFramework } from "./framework.ts"
import { fetchSoon, type Running } from "./running.ts"

/** What became of the sources and connections of an app's test routes. */
export interface Fate {
  readonly signals: number
  readonly returns: number
  readonly pulled: number
  readonly cancels: number
  readonly aborts: number
  readonly connections: number
}

/** An app that was built and started. */
export interface Built {
  /** Without a slash at its end. */
  readonly origin: string
  readonly program: Running
  ask(asked: Asked): Promise<Exchange>
  /** Publishes to those on `/stream/hub`; resolves to the id. */
  publish(data: string): Promise<string>
  drain(): Promise<void>
  fate(): Promise<Fate>
  /** Waits until what became of them is as it should be. */
  becomes(holds: (fate: Fate) => boolean): Promise<Fate>
  /** Waits until no more is pulled from sources. */
  settles(): Promise<Fate>
  /** Sends SIGTERM; resolves once the process has exited. */
  terminate(): Promise<void>
  stop(): Promise<void>
}

/** How long what must happen may take, in ms. */
const PATIENCE = 10_000

/** Builds an app that was fetched into the folder. */
export async function build({ example, build, isInLong }: App, folder: string): Promise<void> {
  await placeFramework(example, folder)
  if (!isInLong) await compileExample(example, folder)
  await buildFramework(folder, build)
}

/** Starts an app in its folder, once it answers. */
export async function startBuilt(app: App, folder: string): Promise<Built> {
  const port = await reservePort()
  const origin = `http://127.0.0.1:${port}`
  const program: Running = app.start(folder, String(port))
  const json = async (path: string, init?: RequestInit): Promise<unknown> =>
    (await fetch(`${origin}${path}`, init)).json()
  // what a form could send from another site, frameworks take only from their own
  const headers = { "content-type": "application/json" }
  const post = (path: string, body: string) => json(path, { method: "POST", headers, body })
  const built: Built = {
    origin,
    program,
    ask: ({ headers: own, ...asked }) =>
      http1.ask(port, { ...asked, headers: { ...(asked.body !== undefined && headers), ...own } }),
    publish: (data) => post("/publish", data) as Promise<string>,
    drain: async () => void (await post("/drain", "")),
    fate: () => json("/fate") as Promise<Fate>,
    async becomes(holds) {
      for (const end = performance.now() + PATIENCE; ; await sleep(10)) {
        const fate = await built.fate()
        if (holds(fate)) return fate
        if (performance.now() > end) assert.fail(`waited in vain, now it is ${JSON.stringify(fate)}`)
      }
    },
    async settles() {
      let fate = await built.fate()
      for (let calm = 0; calm < 10;) {
        await sleep(20)
        const now = await built.fate()
        calm = now.pulled === fate.pulled ? calm + 1 : 0
        fate = now
      }
      return fate
    },
    terminate: () => program.stop("SIGTERM"),
    stop: () => program.stop(),
  }
  try {
    await fetchSoon(`${origin}/fate`)
  } catch (error) {
    await program.stop()
    throw new Error(`${app.framework} did not start: ${program.output}`, { cause: error })
  }
  return built
}
