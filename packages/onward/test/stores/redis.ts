import { execFile, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { onPath } from "../on-path.ts"
import { reservePort, reservePorts } from "../reserve-port.ts"

const program = onPath("redis-server", "valkey-server")
const shell = onPath("redis-cli", "valkey-cli")

/** Why Redis cannot be started here; undefined when it can. */
export const redisMissing: string | undefined = program && shell ? undefined : "redis-server is not installed"

export interface RedisServerOptions {
  /** Whether writes reach the append-only file before they are answered, once a second, or never. @default "always" */
  readonly appendfsync?: "always" | "everysec" | "none"
  /** What clients must give. @default nothing */
  readonly password?: string
  /** Lines added to the configuration: `user …`, `maxmemory …`. */
  readonly configuration?: readonly string[]
  /** Where its files lie; it stays when the server is closed. @default a temporary folder */
  readonly folder?: string
}

/** A server of our own, with its own folder. Ended when this process exits, whatever happens. */
export interface RedisServer {
  readonly port: number
  /** Where clients connect: `redis://…`, with the password. */
  readonly url: string
  /** The id of the server's process; undefined while it is away. */
  readonly pid: number | undefined
  /** Runs a command by `redis-cli` and resolves to what it prints. Rejects when the server answers with an error. */
  command(...words: readonly string[]): Promise<string>
  /** Ends it without warning (SIGKILL), and keeps its folder. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder, once `kill` has ended it; resolves when it answers. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** A master, a replica and three sentinels that watch them. */
export interface RedisSentinels {
  /** The name the sentinels know the master by. */
  readonly name: string
  /** The first is the master at the start. */
  readonly servers: readonly RedisServer[]
  /** Where clients ask who is the master. */
  readonly ports: readonly number[]
  /** Who is the master now, says the first sentinel. */
  master(): Promise<RedisServer>
  /** Kills the master and resolves, when another has taken over, to the one killed: `restart` brings it back as a replica. */
  killMaster(): Promise<RedisServer>
  close(): Promise<void>
}

/** Three masters that share the slots. */
export interface RedisCluster {
  readonly servers: readonly RedisServer[]
  close(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** Starts one server and waits until it answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  return start(await reservePort(), options)
}

/** Starts a replica of a server and waits until it has a copy of everything. */
export async function startReplica(of: RedisServer, options: RedisServerOptions = {}): Promise<RedisServer> {
  const password = new URL(of.url).password
  const replica = await start(await reservePort(), {
    ...(password !== "" && { password }),
    ...options,
    configuration: [`replicaof 127.0.0.1 ${of.port}`, ...(options.configuration ?? [])],
  })
  await eventually("the replica to follow", async () =>
    (await replica.command("info", "replication")).includes("master_link_status:up"),
  )
  return replica
}

/** Starts a master, its replica, and three sentinels that take half a second to believe that a master is gone. */
export async function startSentinels(options: RedisServerOptions = {}): Promise<RedisSentinels> {
  const name = "onward"
  const master = await startRedis(options)
  const servers = [master, await startReplica(master, options)]
  const sentinels = await Promise.all(
    (await reservePorts(3)).map((port) =>
      start(
        port,
        {
          appendfsync: "none",
          configuration: [
            `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
            `sentinel down-after-milliseconds ${name} 500`,
            `sentinel failover-timeout ${name} 3000`,
            ...(options.password === undefined ? [] : [`sentinel auth-pass ${name} ${options.password}`]),
          ],
        },
        ["--sentinel"],
      ),
    ),
  )
  const [first] = sentinels as [RedisServer]
  const at = (port: number): RedisServer | undefined => servers.find((server) => server.port === port)
  const masterPort = async (): Promise<number> =>
    Number((await first.command("sentinel", "get-master-addr-by-name", name)).split("\n")[1])
  await eventually("the sentinels to know each other and the replica", async () => {
    for (const sentinel of sentinels) {
      const text = (await sentinel.command("sentinel", "master", name)).split("\n")
      const valueOf = (field: string): string | undefined => text[text.indexOf(field) + 1]
      if (valueOf("num-other-sentinels") !== "2" || valueOf("num-slaves") !== "1") return false
    }
    return true
  })

  async function currentMaster(): Promise<RedisServer> {
    const found = at(await masterPort())
    if (!found) throw new Error("the sentinels name a master nobody started")
    return found
  }
  return {
    name,
    servers,
    ports: sentinels.map(({ port }) => port),
    master: currentMaster,
    async killMaster() {
      const killed = await currentMaster()
      await killed.kill()
      await eventually("another master", async () => {
        const next = at(await masterPort())
        return next !== killed && (await next?.command("role"))?.startsWith("master") === true
      })
      return killed
    },
    close: async () => void (await Promise.all([...sentinels, ...servers].map((server) => server.close()))),
  }
}

/** Starts a cluster of three masters and waits until all slots are served. */
export async function startRedisCluster(options: RedisServerOptions = {}): Promise<RedisCluster> {
  const ports = await reservePorts(6)
  const servers = await Promise.all(
    ports.slice(0, 3).map((port, i) =>
      start(port, {
        ...options,
        configuration: [
          "cluster-enabled yes",
          "cluster-config-file nodes.conf",
          `cluster-port ${ports[i + 3]}`,
          ...(options.configuration ?? []),
        ],
      }),
    ),
  )
  const [first] = servers as [RedisServer]
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`)
  await first.command("--cluster", "create", ...nodes, "--cluster-replicas", "0", "--cluster-yes")
  await eventually("the cluster to be whole", async () => {
    for (const server of servers) {
      if (!(await server.command("cluster", "info")).includes("cluster_state:ok")) return false
    }
    return true
  })
  return { servers, close: async () => void (await Promise.all(servers.map((server) => server.close()))) }
}

async function start(port: number, options: RedisServerOptions, words: readonly string[] = []): Promise<RedisServer> {
  if (!program || !shell) throw new Error(redisMissing)
  const executable = program
  const cli = shell
  const { appendfsync = "always", password, configuration = [] } = options
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "onward-redis-"))
  const file = join(folder, "redis.conf")
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${JSON.stringify(folder)}`,
    'save ""',
    // a replica is served at once; by default it waits five seconds for others
    "repl-diskless-sync-delay 0",
    ...(appendfsync === "none" ? [] : ["appendonly yes", `appendfsync ${appendfsync}`]),
    ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
    ...configuration,
  ]
  // a sentinel keeps notes in its configuration, and knows none of the lines about data
  writeFileSync(file, `${lines.filter((line) => words.length === 0 || !/^(?:save|repl)/.test(line)).join("\n")}\n`)
  const identity = password === undefined ? [] : ["--no-auth-warning", "-a", password]
  let child: ChildProcess | undefined

  const server: RedisServer = {
    port,
    url: `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${port}`,
    get pid() {
      return child?.pid
    },
    async command(...given) {
      const all = ["-e", "-h", "127.0.0.1", "-p", `${port}`, ...identity, ...given]
      const { stdout } = await promisify(execFile)(cli, all)
      return stdout.replaceAll("\r", "").trim()
    },
    async restart() {
      if (child) return
      const started = spawn(executable, [file, ...words], { stdio: "ignore" })
      child = started
      running.add(started)
      started.once("exit", () => {
        running.delete(started)
        if (child === started) child = undefined
      })
      await eventually(`redis-server on port ${port} to answer`, async () => {
        if (child !== started) throw new Error(`redis-server ended at once: try redis-server ${file}`)
        return (await server.command("ping").catch(String)).includes("PONG")
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
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.restart()
  return server
}

async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited 30 seconds for ${what}`)
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
}
