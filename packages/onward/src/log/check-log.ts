import { isThenable, kindOf } from "../kind.ts"
import type { Log } from "./log.ts"

const METHODS = ["append", "read", "bounds", "locate", "watch", "close"] as const

/** Throws a `TypeError` for a value that is not a log. Otherwise each call would fail later and look like an unavailable store. */
export function checkLog(what: string, log: unknown): asserts log is Log {
  const methods = log as Partial<Record<string, unknown>> | null
  if (typeof log === "object" && log !== null && METHODS.every((name) => typeof methods?.[name] === "function")) return
  throw new TypeError(`${what}: \`log\` must be a log, not ${kindOf(log)}. ${adviceFor(log)}`)
}

function adviceFor(log: unknown): string {
  if (typeof log === "string" && log.includes("://")) return "Pass for instance postgresLog(pool) or redisLog(client)."
  if (typeof log === "string") return `Pass for instance sqliteLog(${JSON.stringify(log)}).`
  if (typeof log === "function") return "Call the function, and pass the log that it returns."
  if (isThenable(log)) return "Await the promise, and pass the log that it resolves to."
  const missing = METHODS.filter(
    (name) => typeof (log as Partial<Record<string, unknown>> | null)?.[name] !== "function",
  )
  if (typeof log === "object" && log !== null && missing.length < METHODS.length) {
    return `Its methods ${missing.join(", ")} are missing.`
  }
  return "Pass for instance memoryLog() or sqliteLog(file)."
}
