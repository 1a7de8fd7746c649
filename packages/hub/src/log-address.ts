import { join } from "node:path"
import { UsageError } from "./usage-error.ts"

/** What `--log` may be, by what stands before its first colon. */
const ADDRESSES: Readonly<Record<string, RegExp>> = {
  memory: /^memory:?$/,
  sqlite: /^sqlite:./,
  redis: /^redis:\/\/./,
  rediss: /^rediss:\/\/./,
  postgres: /^postgres:\/\/./,
  postgresql: /^postgresql:\/\/./,
  nats: /^nats:\/\/./,
}

/** What `--log` means when it is not given: a file in the data folder. */
export const defaultLog = (data: string): string => `sqlite:${join(data, "events.db")}`

/** What stands before the first colon. */
export const kindOf = (address: string): string => /^[^:]*/.exec(address)?.[0] ?? ""

/** True for a log that several processes can share. */
export const isShared = (address: string): boolean => kindOf(address) !== "memory"

/**
 * @param name where it was given
 * @throws UsageError for what is no address, or of no kind of log
 */
export function checkLog(address: string, name = "--log"): void {
  const isHere = /^(?:memory|sqlite)$/.test(kindOf(address))
  if (!ADDRESSES[kindOf(address)]?.test(address)) {
    const known = "sqlite:<path>, memory:, redis://…, postgres://… or nats://…"
    throw new UsageError(`${name} must be ${known}, not "${databaseOf(address)}"`)
  }
  if (!isHere && !isAddress(address)) {
    throw new UsageError(
      `${name} "${databaseOf(address)}" is no address: check host and port, and in user and password write % as %25, @ as %40, : as %3A`,
    )
  }
}

function isAddress(address: string): boolean {
  const url = URL.parse(address)
  try {
    return url !== null && [url.username, url.password].every((part) => decodeURIComponent(part) !== undefined)
  } catch {
    return false
  }
}

/** An address as it may be shown: without user, password and parameters. */
export function databaseOf(address: string): string {
  const url = URL.parse(address)
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : address.replace(/\/\/.*@/, "//")
}
