import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parse, type ParsedEvent } from "onward/protocol"

/** Runs an example as its reader would, until the test is over or `stop` is called. */
export class Running {
  readonly process: ChildProcess
  output = ""

  /** @param options.isBuilt whether it stands on the library as published, not on its source */
  constructor(
    file: string,
    env: Record<string, string> = {},
    args: readonly string[] = [],
    { isBuilt = false }: { isBuilt?: boolean } = {},
  ) {
    const path = resolve(import.meta.dirname, "..", file)
    this.process = spawn(process.execPath, [...(isBuilt ? [] : ["--conditions=onward-source"]), path, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    })
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on("data", (text) => (this.output += String(text)))
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    this.process.kill(signal)
    await once(this.process, "exit")
  }
}

/** Runs an example for as long as `use` takes. */
export async function running(example: Running, use: (example: Running) => Promise<void>): Promise<void> {
  try {
    await use(example)
  } finally {
    await example.stop()
  }
}

/** Asks until the server answers, for up to two minutes: a start takes long on a busy machine. */
export async function fetchSoon(url: string, init?: RequestInit): Promise<Response> {
  for (const end = performance.now() + 120_000; ;) {
    try {
      return await fetch(url, init)
    } catch (error) {
      if (performance.now() > end) throw error
      await sleep(50)
    }
  }
}

/** The first `count` events of a stream, checkpoints left out; it is left after them. */
export async function take(response: Response, count: number): Promise<ParsedEvent[]> {
  const events: ParsedEvent[] = []
  for await (const event of parse(response.body as ReadableStream<Uint8Array>)) {
    if (event.event === "stream.checkpoint") continue
    events.push(event)
    if (events.length === count) break
  }
  return events
}
