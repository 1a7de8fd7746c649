import { join } from "node:path"

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

/** The address of a log. Throws an `Error` that says what to use. */
export function checkLog(address: string): string {
  const isHere = /^(?:memory|sqlite)$/.test(kindOf(address))
  if (!ADDRESSES[kindOf(address)]?.test(address)) {
    throw new Error("sqlite:<path>, memory:, redis://…, postgres://… or nats://…")
  }
  if (!isHere && !isAddress(address)) {
    throw new Error("a valid host and port, and in user and password %25 for %, %40 for @, %3A for :")
  }
  return address
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
