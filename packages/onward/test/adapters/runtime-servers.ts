import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"
import { runtimeOf } from "../../../../scripts/runtime.ts"
import { startWorkerd } from "../client/runtime/workerd.ts"
import { http1 } from "./clients.ts"
import type { Exchange } from "./exchange.ts"
import type { Asked } from "./rig.ts"

export interface Fate {
  readonly signals: number
  readonly returns: number
  readonly connections: number
  readonly live: number
}

/** The server of `programs/fetch-cases.ts` in some runtime. */
export interface RuntimeServer {
  /** Without a slash at its end. */
  readonly origin: string
  /** How clients can leave. To workerd, one that has only closed its half may still read. */
  readonly ways: readonly string[]
  ask(asked: Asked): Promise<Exchange>
  publish(data: string): Promise<string>
  /** Waits until what became of sources and connections is as it should be, in workerd also outside of its Durable Object. */
  fate(holds: (fate: Fate) => boolean, under?: "/plain"): Promise<Fate>
}

const programs = new URL("programs/", import.meta.url).pathname

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  bun: ["--conditions=onward-source"],
  deno: ["run", "--allow-all", "--conditions=onward-source"],
}

/** Why tests in a runtime are skipped on this machine; false when they can run. */
export const missing = (runtime: string): string | false =>
  runtimeOf(runtime) === undefined && `${runtime} was not fetched: npm run runtimes does that`

/** Serves with a framework in a runtime until the test is over. */
export async function serving(t: TestContext, runtime: string, framework: string): Promise<RuntimeServer> {
  const program = runtimeOf(runtime) as string
  const port = runtime === "workerd" ? await startWorker(t, program) : await start(t, program, runtime, framework)
  const origin = `http://127.0.0.1:${port}`
  const json = async (path: string, init?: RequestInit): Promise<unknown> =>
    (await fetch(`${origin}${path}`, init)).json()
  const publish = (data: string) => json("/publish", { method: "POST", body: data }) as Promise<string>
  return {
    origin,
    ways: http1.ways.filter((way) => runtime !== "workerd" || way !== "a half-close"),
    ask: (asked) => http1.ask(port, asked),
    publish,
    async fate(holds, under) {
      for (let tries = 0; tries < 500; tries++) {
        // workerd learns that a client has left when it writes to it, so a heartbeat would do as well
        if (runtime === "workerd") await publish("anyone there?")
        const now = (await json(`${under ?? ""}/fate`)) as Fate
        if (holds(now)) return now
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return assert.fail(`waited in vain, now it is ${JSON.stringify(await json(`${under ?? ""}/fate`))}`)
    },
  }
}

async function start(t: TestContext, program: string, runtime: string, framework: string): Promise<number> {
  const args = [...(FLAGS[runtime] ?? []), join(programs, "fetch-server.ts"), framework]
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] })
  t.after(async () => {
    // one that ends in grace would wait for its streams
    child.kill("SIGKILL")
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  })
  let errors = ""
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
  const [line] = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => [errors])])
  const port = Number(line)
  assert.ok(port > 0, `it did not start: ${errors}`)
  return port
}

async function startWorker(t: TestContext, program: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "onward-worker-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const { url, close } = await startWorkerd(program, folder, join(programs, "worker.ts"), {
    conditions: ["onward-source"],
    durableObject: "Feed",
  })
  t.after(close)
  return Number(new URL(url).port)
}
