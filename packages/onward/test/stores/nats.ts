import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onPath } from "../on-path.ts"
import { reservePorts } from "../reserve-port.ts"

const program = onPath("nats-server")

/** Why NATS cannot be started here; undefined when it can. */
export const natsMissing: string | undefined = program ? undefined : "nats-server is not installed"

export interface NatsServerOptions {
  /** Lines added to the configuration: users, limits. */
  readonly configuration?: string
  /** @default true */
  readonly jetstream?: boolean
  /** Where it makes a folder for its streams. @default the system's for temporary files */
  readonly within?: string
}

/** A server of our own, with its own folder. Ended when this process exits, whatever happens. */
export interface NatsServer {
  readonly name: string
  readonly port: number
  /** Where clients connect, as `127.0.0.1:port`. */
  readonly address: string
  /** Where it keeps its streams. */
  readonly store: string
  /** The id of the server's process; undefined while it is away. */
  readonly pid: number | undefined
  /** Ends it without warning (SIGKILL), and keeps its folder. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder, once `kill` has ended it; resolves when it is healthy. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** Three servers that keep streams together. */
export interface NatsCluster {
  readonly servers: readonly NatsServer[]
  /** Where clients connect: all three. */
  readonly addresses: readonly string[]
  /** The server that leads a stream, as soon as there is one. */
  leaderOf(stream: string): Promise<NatsServer>
  /** Kills the server that leads a stream, and tells which it was: `restart` brings it back. */
  killLeader(stream: string): Promise<NatsServer>
  close(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** Starts one server and waits until it is healthy. */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await prepare("one", options)
  await server.restart()
  return server
}

/** Starts a cluster of three, each of which may have options of its own, and waits until JetStream has a leader there. */
export async function startNatsCluster(
  optionsOf: (server: number) => NatsServerOptions = () => ({}),
): Promise<NatsCluster> {
  const routes = await reservePorts(3)
  const urls = routes.map((port) => `nats://127.0.0.1:${port}`).join(", ")
  const servers = await Promise.all(
    routes.map((port, i) =>
      prepare(`n${i + 1}`, optionsOf(i), `cluster { name: c, listen: 127.0.0.1:${port}, routes: [${urls}] }`),
    ),
  )
  await Promise.all(servers.map((server) => server.restart()))

  async function leaderOf(stream: string): Promise<NatsServer> {
    return eventually(`a leader of ${stream}`, async () => {
      for (const server of servers) {
        if (server.pid === undefined) continue
        const leader = await server.leaderOf(stream)
        const found = servers.find(({ name, pid }) => name === leader && pid !== undefined)
        if (found) return found
      }
      return undefined
    })
  }
  return {
    servers,
    addresses: servers.map(({ address }) => address),
    leaderOf,
    async killLeader(stream) {
      const leader = await leaderOf(stream)
      await leader.kill()
      return leader
    },
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  }
}

type PreparedServer = NatsServer & { leaderOf(stream: string): Promise<string | undefined> }

async function prepare(name: string, options: NatsServerOptions, cluster = ""): Promise<PreparedServer> {
  if (!program) throw new Error(natsMissing)
  const executable = program
  const [port = 0, monitor = 0] = await reservePorts(2)
  const folder = mkdtempSync(join(options.within ?? tmpdir(), "onward-nats-"))
  const store = join(folder, "store")
  mkdirSync(store)
  const configuration = [
    `server_name: ${name}`,
    `listen: 127.0.0.1:${port}`,
    `http: 127.0.0.1:${monitor}`,
    options.jetstream === false ? "" : `jetstream { store_dir: ${JSON.stringify(store)} }`,
    cluster,
    options.configuration ?? "",
  ]
  const file = join(folder, "nats.conf")
  writeFileSync(file, `${configuration.join("\n")}\n`)
  let child: ChildProcess | undefined

  /** What the server's monitoring answers; undefined while there is no answer. */
  async function ask(path: string): Promise<unknown> {
    try {
      const response = await fetch(`http://127.0.0.1:${monitor}${path}`)
      const body: unknown = await response.json()
      return response.ok ? body : undefined
    } catch {
      return undefined
    }
  }

  const server: PreparedServer = {
    name,
    port,
    address: `127.0.0.1:${port}`,
    store,
    get pid() {
      return child?.pid
    },
    async restart() {
      if (child) return
      const started = spawn(executable, ["--config", file], { stdio: "ignore" })
      child = started
      running.add(started)
      started.once("exit", () => {
        running.delete(started)
        if (child === started) child = undefined
      })
      await eventually(`server ${name} to be healthy`, async () => {
        if (child !== started) throw new Error(`nats-server ended at once: try nats-server --config ${file}`)
        return ask("/healthz")
      })
    },
    async kill() {
      const ending = child
      if (!ending) return
      const exit = once(ending, "exit")
      ending.kill("SIGKILL")
      await exit
    },
    async close() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
    async leaderOf(stream) {
      const report = (await ask("/jsz?streams=1")) as JetStreamReport | undefined
      const streams = (report?.account_details ?? []).flatMap((account) => account.stream_detail ?? [])
      return streams.find((detail) => detail.name === stream)?.cluster?.leader
    },
  }
  return server
}

interface JetStreamReport {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly cluster?: { readonly leader?: string } }[]
  }[]
}

async function eventually<Found>(what: string, find: () => Promise<Found | undefined>): Promise<Found> {
  const deadline = Date.now() + 120_000
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`waited 30 seconds for ${what}`)
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
}
