import cluster from "node:cluster"
import { sessionFunctions } from "./admin/shared-sessions.ts"
import { checkAuth } from "./auth/index.ts"
import { loadConfig, mergeReloaded, type Config, type Flags, type Loaded, type Reloaded } from "./config/index.ts"
import { isOpen } from "./exposure.ts"
import { createLogger, describeError, type Logger } from "./logger.ts"
import { startServer, type HubServer } from "./server.ts"
import { UsageError } from "./usage-error.ts"
import { NotStarted, startWorkers } from "./workers.ts"

/** What the hub prints when it listens. */
type Ready = Pick<HubServer, "address" | "admin" | "place">

/** Runs `onward serve` until a signal ends it. An error at the start is one line and exit code 1. */
export async function serve(flags: Flags, { config, ignored }: Loaded): Promise<void> {
  const logger = createLogger({ format: config.logFormat, level: config.logLevel })
  const hangups = createHangups(flags, logger)
  // a closed output must not end the hub
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  if (ignored.length > 0 && cluster.isPrimary) {
    logger.log("warn", `There is no setting for ${ignored.join(", ")}. onward config lists the variables.`)
  }
  if (config.workers > 1 && cluster.isPrimary) return lead(config, logger, hangups)
  let server: HubServer | undefined
  // before the hub starts: in a container, process 1 ignores signals without a handler
  onLeave((times) => {
    if (server === undefined) process.exit(0)
    // in a terminal, workers get each signal twice: from the terminal and from the primary process
    if (times > 1 && cluster.isWorker) return
    if (times > 1) process.exit(1)
    if (!cluster.isWorker) logger.log("info", closing(config))
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.log("error", describeError(error))
        process.exit(1)
      },
    )
  })
  try {
    server = await startServer(config, logger, process.env)
  } catch (error) {
    console.error(`onward: ${explain(error, config)}`)
    process.exit(error instanceof UsageError ? 2 : 1)
  }
  const { address, admin, place } = server
  if (cluster.isWorker) process.send?.({ address, admin, place } satisfies Ready)
  else greet(server, config, logger)
  const started = server
  hangups.apply((next) => {
    const reloaded = started.reload(next)
    // with several workers, only the primary process reports it
    if (!cluster.isWorker) tellReloaded(reloaded, logger)
  })
}

/** Runs several processes that listen together. */
async function lead(config: Config, logger: Logger, hangups: Hangups): Promise<void> {
  const report = (line: string): void => logger.log("error", line)
  const workers = await startWorkers<Ready>(config.workers, report, sessionFunctions()).catch((error: unknown) =>
    process.exit(error instanceof NotStarted ? error.exitCode : 1),
  )
  greet(workers.ready, config, logger)
  let current = config
  hangups.apply((next) => {
    const reloaded = mergeReloaded(current, next)
    current = reloaded.config
    logger.setLevel(current.logLevel)
    workers.signal("SIGHUP")
    tellReloaded(reloaded, logger)
  })
  onLeave((times) => {
    if (times === 1) logger.log("info", closing(config))
    workers.leave()
  })
  await workers.ended
  process.exit(0)
}

function closing({ drain, logFormat }: Config): string {
  const wait = drain.delay > 0 ? ` in ${drain.delay / 1_000} s, /readyz answers 503 until then` : ""
  return `Closing${wait}${logFormat === "text" ? "; once more to stop at once." : "."}`
}

function onLeave(leave: (times: number) => void): void {
  let times = 0
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM"]
  // a closed terminal ends its processes
  if (process.stdout.isTTY) signals.push("SIGHUP")
  for (const signal of signals) process.on(signal, () => leave(++times))
}

interface Hangups {
  /** From now on each SIGHUP reloads the configuration, and so does one that came before. An invalid one changes nothing. */
  apply(reload: (next: Config) => void): void
}

/** Handles SIGHUP from now on: without a handler the signal ends the process, also while it starts. */
function createHangups(flags: Flags, logger: Logger): Hangups {
  if (process.stdout.isTTY) return { apply() {} }
  let reload: ((next: Config) => void) | undefined
  let isDue = false

  function onHangup(): void {
    if (reload === undefined) isDue = true
    else load(reload)
  }

  function load(apply: (next: Config) => void): void {
    loadConfig(flags, process.env)
      .then(({ config }) => {
        // the primary process does not use the configuration itself
        checkAuth(config.auth)
        return apply(config)
      })
      .catch((error: unknown) => {
        if (cluster.isWorker) return
        logger.log(
          "error",
          `The configuration was not reloaded. The hub keeps the previous one. ${describeError(error)}`,
        )
      })
  }

  process.on("SIGHUP", onHangup)
  return {
    apply(next) {
      reload = next
      if (isDue) load(next)
    },
  }
}

function tellReloaded({ applied, needRestart }: Reloaded, logger: Logger): void {
  const changes = applied.length === 0 ? "no setting changed" : `${applied.join(", ")} changed`
  logger.log("info", `The configuration was reloaded: ${changes}.`, { applied })
  if (needRestart.length === 0) return
  logger.log("warn", `A restart is needed for the changes of ${needRestart.join(", ")}.`, { needRestart })
}

function greet(ready: Ready, config: Config, logger: Logger): void {
  const { address, admin, place } = ready
  const fields = {
    url: urls(address, schemeOf(config)).url,
    log: place,
    workers: config.workers,
    ...(admin && { admin: urls(admin).url }),
  }
  if (config.logFormat === "json") logger.log("info", listening(ready, config), fields)
  else logger.log("info", greeting(ready, config))
  if (isOpen(address.host) && !config.auth)
    logger.log("warn", config.logFormat === "text" ? `warning: ${WARNING}` : WARNING)
}

const WARNING =
  "Every machine that reaches this hub can read and publish everything, because it has no authentication (--insecure). Let a firewall or a proxy admit only clients that you trust."

const schemeOf = ({ tls }: Config): string => (tls ? "https" : "http")

function urls({ host, port }: Ready["address"], scheme = "http"): { readonly url: string; readonly listens: string } {
  const isOnAll = host === "0.0.0.0" || host === "::"
  const at = (name: string): string => `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`
  // a client on this machine uses the loopback address of a server that listens on all addresses
  const url = at(isOnAll ? "127.0.0.1" : host)
  return { url, listens: isOnAll ? `${at(host)} (all addresses of this machine)` : url }
}

function listening({ address, place }: Ready, config: Config): string {
  const together = config.workers > 1 ? ` with ${config.workers} workers` : ""
  return `Onward listens on ${urls(address, schemeOf(config)).listens}${together}, its log is ${place}`
}

function greeting(ready: Ready, config: Config): string {
  const { url } = urls(ready.address, schemeOf(config))
  return `
  ${listening(ready, config)}
${ready.admin ? `  Admin:    ${urls(ready.admin).url}/admin/ui/\n` : ""}
  Listen:   curl -N "${url}/events?topic=hello"
  Publish:  curl -d topic=hello -d data=world ${url}/publish
${asking(url, config.gateway)}${config.demo ? `\n  Or see it work: ${url}/\n` : ""}`
}

/** The base URLs that replace those of providers. */
const asking = (url: string, { upstreams }: Config["gateway"]): string =>
  upstreams
    .map(({ url: of, prefix, models }) => {
      const base = `${url}${prefix === undefined ? "" : `/${prefix}`}/v1`
      return `  Ask:      ${base} in place of ${of}${models === undefined ? "" : ` for ${models}`}\n`
    })
    .join("")

/** The settings that the message of a failed start names. */
interface Trouble {
  readonly host: string
  readonly port: number
  /** The option that sets the port. */
  readonly option: string
  readonly data: string
}

const SYSTEM: Readonly<Record<string, (trouble: Trouble) => string>> = {
  EADDRINUSE: ({ host, port, option }) =>
    `Port ${port} on ${host} is in use. Stop the process that listens there, or use another ${option}.`,
  EADDRNOTAVAIL: ({ host }) => `This machine has no address ${host}. Use another --host.`,
  ENOTFOUND: ({ host }) => `The host ${host} does not exist. Use another --host.`,
  ENOTDIR: ({ data }) => `${data} cannot be a folder, because a part of its path is a file. Use another --data.`,
  EEXIST: ({ data }) => `${data} is a file. Use a folder for --data.`,
  EROFS: ({ data }) => `The folder ${data} cannot be written. Use another --data.`,
  ENOSPC: ({ data }) => `The disk of ${data} is full. Free space, or use another --data.`,
}

function explain(error: unknown, { host, port, data, admin }: Config): string {
  const {
    code = "",
    syscall,
    port: failed = port,
  } = error as {
    readonly code?: string
    readonly syscall?: string
    readonly port?: number
  }
  const isAdmin = failed === admin.port && failed !== port
  const option = isAdmin ? "--admin-port" : "--port"
  if (code === "EACCES" || code === "EPERM") {
    return syscall === "listen"
      ? `Port ${failed} needs elevated privileges. Use ${option} 1024 or higher.`
      : `The folder ${data} cannot be written. Change its permissions, or use another --data.`
  }
  return SYSTEM[code]?.({ host: isAdmin ? admin.host : host, port: failed, option, data }) ?? describeError(error)
}
