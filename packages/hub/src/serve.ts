import cluster from "node:cluster"
import { OnwardError } from "onward"
import { AuthRefusal } from "./auth/index.ts"
import type { ServeOptions } from "./command-line.ts"
import { isOpen } from "./exposure.ts"
import { adviseOperator } from "./limits.ts"
import { HttpError } from "./http-error.ts"
import { startServer, type HubServer } from "./server.ts"
import { UsageError } from "./usage-error.ts"
import { NotStarted, startWorkers } from "./workers.ts"

/** What whoever runs a hub is told once it listens. */
type Ready = Pick<HubServer, "address" | "place">

/** `onward serve`: runs a hub until it is told to stop. Trouble at the start is one line and exit code 1. */
export async function serve(options: ServeOptions): Promise<void> {
  if (options.workers > 1 && cluster.isPrimary) return lead(options)
  let server: HubServer
  try {
    server = await startServer(options, (error) => console.error(`onward: ${describe(error)}`))
  } catch (error) {
    console.error(`onward: ${explain(error, options)}`)
    process.exit(error instanceof UsageError ? 2 : 1)
  }
  const { address, place } = server
  if (cluster.isWorker) process.send?.({ address, place } satisfies Ready)
  else greet(server, options)
  onLeave((times) => {
    // in a terminal, workers hear of it twice: from there, and from the process that leads them
    if (times > 1 && cluster.isWorker) return
    if (times > 1) process.exit(1)
    if (!cluster.isWorker) console.log(CLOSING)
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(`onward: ${describe(error)}`)
        process.exit(1)
      },
    )
  })
}

/** Runs several processes that listen together. */
async function lead(options: ServeOptions): Promise<void> {
  const workers = await startWorkers<Ready>(options.workers, (line) => console.error(`onward: ${line}`)).catch(
    (error: unknown) => process.exit(error instanceof NotStarted ? error.exitCode : 1),
  )
  greet(workers.ready, options)
  onLeave((times) => {
    if (times === 1) console.log(CLOSING)
    workers.leave()
  })
  await workers.ended
  process.exit(0)
}

const CLOSING = "Closing; once more to stop at once."

function onLeave(leave: (times: number) => void): void {
  let times = 0
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => leave(++times))
}

function greet(ready: Ready, options: ServeOptions): void {
  console.log(greeting(ready, options))
  if (isOpen(options.host) && !options.auth) console.error(`onward: warning: ${WARNING}`)
}

const WARNING =
  "Every machine that reaches this hub can read and publish everything, because it has no authentication (--insecure). Let a firewall or a proxy admit only clients that you trust."

function greeting({ address, place }: Ready, { workers, demo, gateway }: ServeOptions): string {
  const { host, port } = address
  const isOnAll = host === "0.0.0.0" || host === "::"
  const at = (name: string): string => `http://${name.includes(":") ? `[${name}]` : name}:${port}`
  // a client on this machine reaches a server that listens on all addresses by the loopback one
  const url = at(isOnAll ? "127.0.0.1" : host)
  const listens = isOnAll ? `${at(host)} (all addresses of this machine)` : url
  const together = workers > 1 ? ` with ${workers} workers` : ""
  return `
  Onward listens on ${listens}${together}, its log is ${place}

  Listen:   curl -N "${url}/events?topic=hello"
  Publish:  curl -d topic=hello -d data=world ${url}/publish
${asking(url, gateway)}${demo ? `\n  Or see it work: ${url}/\n` : ""}`
}

/** The base URLs that clients use in place of those of providers. */
const asking = (url: string, gateway: ServeOptions["gateway"]): string =>
  (gateway?.upstreams ?? [])
    .map(({ url: of, prefix, models }) => {
      const base = `${url}${prefix === undefined ? "" : `/${prefix}`}/v1`
      return `  Ask:      ${base} in place of ${of}${models === undefined ? "" : ` for ${models}`}\n`
    })
    .join("")

const SYSTEM: Readonly<Record<string, (options: ServeOptions) => string>> = {
  EADDRINUSE: ({ host, port }) =>
    `port ${port} on ${host} is in use: stop what listens there, or choose another --port`,
  EADDRNOTAVAIL: ({ host }) => `this machine has no address ${host}: choose another --host`,
  ENOTFOUND: ({ host }) => `there is no host ${host}: choose another --host`,
  ENOTDIR: ({ data }) => `${data} cannot be a folder, because a file is in its way: choose another --data`,
  EEXIST: ({ data }) => `${data} is a file: choose a folder for --data`,
  EROFS: ({ data }) => `the folder ${data} cannot be written: choose another --data`,
  ENOSPC: ({ data }) => `the disk of ${data} is full: make room, or choose another --data`,
}

function explain(error: unknown, options: ServeOptions): string {
  const { code = "", syscall } = error as { readonly code?: string; readonly syscall?: string }
  if (code === "EACCES" || code === "EPERM") {
    return syscall === "listen"
      ? `port ${options.port} is not for everyone: choose one from 1024 up with --port`
      : `the folder ${options.data} cannot be written: change its permissions, or choose another --data`
  }
  return SYSTEM[code]?.(options) ?? describe(error)
}

/** One line; what is not of our own making comes with its place. */
function describe(error: unknown): string {
  if (error instanceof UsageError) return error.message
  if (error instanceof AuthRefusal) return `${error.status} ${error.requestId}: ${error.reason}`
  if (error instanceof OnwardError) return `${adviseOperator(error.code, error.message)} (${error.code})`
  if (error instanceof HttpError) {
    const cause = error.cause instanceof Error ? ` Cause: ${error.cause.message}` : ""
    return `${adviseOperator(error.code, error.message)} (${error.code})${cause}`
  }
  if (!(error instanceof Error)) return String(error)
  const isSystem = "syscall" in error
  return (isSystem ? error.message : (error.stack ?? error.message)).replaceAll(/\s*\n\s*/g, " ")
}
