import type { Config } from "./config/index.ts"
import { describeError } from "./logger.ts"

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

/** Says why the hub could not start, and what to do. */
export function explainStart(
  error: unknown,
  { host, port, data, admin }: Pick<Config, "host" | "port" | "data" | "admin">,
): string {
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
