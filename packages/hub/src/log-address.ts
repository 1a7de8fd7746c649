import { join } from "node:path"

/** The valid forms of `--log`, by the text before the first colon. */
const ADDRESSES: Readonly<Record<string, RegExp>> = {
  memory: /^memory:?$/,
  sqlite: /^sqlite:./,
  redis: /^redis:\/\/./,
  rediss: /^rediss:\/\/./,
  postgres: /^postgres:\/\/./,
  postgresql: /^postgresql:\/\/./,
  nats: /^nats:\/\/./,
}

/** The default of `--log`: a file in the data folder. */
export const defaultLog = (data: string): string => `sqlite:${join(data, "events.db")}`

/** Returns the text before the first colon. */
export const kindOf = (address: string): string => /^[^:]*/.exec(address)?.[0] ?? ""

/** Whether several processes can share the log. */
export const isShared = (address: string): boolean => kindOf(address) !== "memory"

/** Checks the address of a log. Throws an `Error` whose message says what to use. */
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

/** Returns an address without user, password and parameters, which can be shown. */
export function databaseOf(address: string): string {
  const url = URL.parse(address)
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : address.replace(/\/\/.*@/, "//")
}
