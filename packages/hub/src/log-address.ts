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

/** @throws UsageError for an address that is of no kind of log */
export function checkLog(address: string): void {
  if (ADDRESSES[kindOf(address)]?.test(address)) return
  const known = "sqlite:<path>, memory:, redis://…, postgres://… or nats://…"
  throw new UsageError(`--log must be ${known}, not "${placeOf(address)}"`)
}

/** An address as it may be shown: without user, password and parameters. */
export function placeOf(address: string): string {
  const url = URL.parse(address)
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : address.replace(/\/\/.*@/, "//")
}
