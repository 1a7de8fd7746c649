import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { onPath } from "../on-path.ts"
import { reservePort } from "../reserve-port.ts"

const programs = {
  initdb: onPath("initdb"),
  postgres: onPath("postgres"),
  backup: onPath("pg_basebackup"),
  psql: onPath("psql"),
  pgbouncer: onPath("pgbouncer"),
}

/** Why PostgreSQL cannot be started here; undefined when it can. */
export const postgresMissing: string | undefined =
  programs.initdb && programs.postgres && programs.psql ? undefined : "PostgreSQL is not installed"

/** Why PgBouncer cannot be started here; undefined when it can. */
export const pgbouncerMissing: string | undefined = programs.pgbouncer ? undefined : "pgbouncer is not installed"

/** The superuser of all servers started here. */
const USER = "onward"

export interface PostgresServerOptions {
  /** What clients must give (SCRAM). @default nothing, everybody is trusted */
  readonly password?: string
  /** Settings, as `work_mem=4MB`. Servers do not flush to disk (`fsync=off`) unless told: kills of processes lose nothing by it. */
  readonly settings?: readonly string[]
  /** The size of a file of its write-ahead log, in MB. @default 16 */
  readonly walSegment?: number
  /** Where it makes a folder for its data. @default the system's for temporary files */
  readonly within?: string
}

/** A server of our own, with its own folder. Ended when this process exits, whatever happens. */
export interface PostgresServer {
  readonly port: number
  /** Where clients connect: `postgres://onward…@127.0.0.1:port/postgres`, with the password. */
  readonly url: string
  /** Where its data lie. */
  readonly folder: string
  /** The id of the postmaster; undefined while it is away. */
  readonly pid: number | undefined
  /** Runs SQL by `psql` as the superuser and resolves to what it prints: rows by line, columns by `|`. */
  command(sql: string): Promise<string>
  /** Makes an empty database, and tells its URL. */
  createDatabase(): Promise<string>
  /** Ends it without warning, all its processes by SIGKILL, and keeps its folder. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder; resolves when it answers. Does nothing while it runs. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** A hot standby, which can be read, and become a primary. */
export interface PostgresStandby extends PostgresServer {
  /** Makes it a primary of a new timeline; resolves when it can be written. */
  promote(): Promise<void>
}

/** A PgBouncer that lends a connection for one transaction at a time. */
export interface PgBouncer {
  readonly port: number
  /** The URL of a database of the server behind it, through here. */
  through(url: string): string
  close(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) end(child)
})

/** Starts one server and waits until it answers. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  if (postgresMissing !== undefined) throw new Error(postgresMissing)
  const folder = temporary(options.within)
  const data = join(folder, "data")
  const secret = join(folder, "secret")
  writeFileSync(secret, options.password ?? "unused", { mode: 0o644 })
  const auth = options.password === undefined ? "trust" : "scram-sha-256"
  await run(programs.initdb, [
    ...["-D", data, "-U", USER, `--auth=${auth}`, `--pwfile=${secret}`, "-N", "-E", "UTF8"],
    `--wal-segsize=${options.walSegment ?? 16}`,
  ])
  const server = prepare(folder, await reservePort(), options)
  await server.restart()
  return server
}

/**
 * Starts a hot standby of a server and waits until it follows. Commits on the primary do not wait for it, unless told so by
 * `synchronous_standby_names`.
 */
export async function startStandby(of: PostgresServer, options: PostgresServerOptions = {}): Promise<PostgresStandby> {
  const folder = temporary(options.within)
  await run(programs.backup, ["-D", join(folder, "data"), "-d", of.url, "-R", "-X", "stream", "-c", "fast", "-N"])
  const password = new URL(of.url).password
  const server = prepare(folder, await reservePort(), { ...(password !== "" && { password }), ...options })
  await server.restart()
  await eventually("the standby to follow", async () =>
    (await of.command("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")).startsWith("1"),
  )
  return Object.assign(server, {
    async promote() {
      await server.command("SELECT pg_promote(true, 30)")
      await eventually("the standby to be a primary", async () =>
        (await server.command("SELECT pg_is_in_recovery()")).startsWith("f"),
      )
    },
  })
}

/** Starts PgBouncer with transaction pooling in front of a server. */
export async function startPgBouncer(of: PostgresServer): Promise<PgBouncer> {
  if (!programs.pgbouncer) throw new Error(pgbouncerMissing)
  const folder = temporary()
  const port = await reservePort()
  const { password } = new URL(of.url)
  const file = join(folder, "pgbouncer.ini")
  const target = `host=127.0.0.1 port=${of.port} user=${USER}${password === "" ? "" : ` password=${password}`}`
  const lines = [
    ...["[databases]", `* = ${target}`, "[pgbouncer]", "listen_addr = 127.0.0.1", `listen_port = ${port}`],
    ...[
      "auth_type = any",
      "pool_mode = transaction",
      "default_pool_size = 4",
      "unix_socket_dir =",
      "server_login_retry = 1",
    ],
    "ignore_startup_parameters = extra_float_digits",
  ]
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o644 })
  const child = spawn(programs.pgbouncer, ["-q", file], { stdio: "ignore", ...identity() })
  running.add(child)
  await eventually("pgbouncer to answer", () =>
    run(programs.psql, [`postgres://${USER}@127.0.0.1:${port}/postgres`, "-c", "SELECT 1"]).then(
      () => true,
      () => false,
    ),
  )
  return {
    port,
    through(url) {
      const changed = new URL(url)
      changed.port = String(port)
      return changed.href
    },
    async close() {
      await ended(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function prepare(folder: string, port: number, options: PostgresServerOptions): PostgresServer {
  const { password, settings = [] } = options
  const data = join(folder, "data")
  const words = [
    ...["-D", data, "-p", `${port}`, "-h", "127.0.0.1"],
    ...[
      ...["unix_socket_directories=", "fsync=off", "shared_buffers=16MB", "max_connections=60"],
      // in its folder, because a killed server leaves it behind
      "dynamic_shared_memory_type=mmap",
      ...["wal_level=replica", "hot_standby=on", "wal_keep_size=256MB", "wal_retrieve_retry_interval=100ms"],
      ...settings,
    ].flatMap((setting) => ["-c", setting]),
  ]
  const url = `postgres://${USER}${password === undefined ? "" : `:${password}`}@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined
  let databases = 0

  const server: PostgresServer = {
    port,
    url,
    folder: data,
    get pid() {
      return child?.pid
    },
    command: (sql) => run(programs.psql, [url, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]),
    async createDatabase() {
      const name = `db${++databases}`
      await server.command(`CREATE DATABASE ${name}`)
      return url.replace(/postgres$/, name)
    },
    async restart() {
      const start = (): ChildProcess => {
        const started = spawn(programs.postgres ?? "", words, { stdio: "ignore", ...identity() })
        running.add(started)
        started.once("exit", () => {
          running.delete(started)
          if (child === started) child = undefined
        })
        return started
      }
      if (child) return
      await eventually(`PostgreSQL on port ${port} to answer`, async () => {
        // it ends at once while processes of the one before still hold its memory
        child ??= start()
        return server.command("SELECT 1").then(
          () => true,
          () => false,
        )
      })
    },
    async kill() {
      if (child) await ended(child)
    },
    async close() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return server
}

/** Ends a server and the processes it made, which lead groups of their own. */
function end(child: ChildProcess): void {
  const made = childrenOf(child.pid)
  child.kill("SIGKILL")
  for (const pid of made) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // it has noticed by itself
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  end(child)
  await exit
  running.delete(child)
}

function childrenOf(pid = 0): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    return text.split(" ").filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** These programs refuse to be run by root: the package made a user for them. */
function identity(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (option: string): number => Number(execFileSync("id", [option, "postgres"]).toString())
  return { uid: idOf("-u"), gid: idOf("-g") }
}

function temporary(within = tmpdir()): string {
  const folder = mkdtempSync(join(within, "onward-postgres-"))
  const { uid, gid } = identity()
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  return folder
}

async function run(program: string | undefined, words: readonly string[]): Promise<string> {
  if (program === undefined) throw new Error(postgresMissing ?? "a program of PostgreSQL is missing")
  const { stdout } = await promisify(execFile)(program, [...words], { cwd: tmpdir(), ...identity() })
  return stdout.trim()
}

async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited 30 seconds for ${what}`)
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
}
