import { OnwardError } from "onward"
import { AuthRefusal } from "./auth/index.ts"
import { HttpError } from "./http-error.ts"
import { adviseOperator } from "./limits.ts"

/** From the least to the most important. */
export const LEVELS = ["debug", "info", "warn", "error"] as const
export type Level = (typeof LEVELS)[number]

export interface LoggerOptions {
  /** `text` is for people: warnings and errors on standard error, the rest on standard output. `json` is one object a line on standard output. */
  readonly format: "text" | "json"
  readonly level: Level
  /** @default standard output and standard error */
  readonly write?: (stream: "stdout" | "stderr", text: string) => void
}

/** Prints messages for the operator. */
export interface Logger {
  readonly log: (level: Level, message: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Prints an error, as a warning if a client caused it. */
  readonly report: (error: unknown) => void
  /** Whether messages of this level are printed. */
  readonly prints: (level: Level) => boolean
  readonly setLevel: (level: Level) => void
  /** From now on each line of JSON has the fields that `read` returns. */
  readonly addFields: (read: () => Readonly<Record<string, unknown>>) => void
}

const PREFIX: Readonly<Record<Level, string>> = {
  debug: "",
  info: "",
  warn: "onward: ",
  error: "onward: ",
}

export function createLogger({ format, level: first, write = writeOut }: LoggerOptions): Logger {
  let least = LEVELS.indexOf(first)
  let added = (): Readonly<Record<string, unknown>> => ({})

  const prints = (level: Level): boolean => LEVELS.indexOf(level) >= least

  function log(level: Level, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (!prints(level)) return
    if (format === "json") {
      const line = JSON.stringify({ time: new Date().toISOString(), level, msg: message.trim(), ...fields, ...added() })
      write("stdout", `${line}\n`)
    } else {
      write(PREFIX[level] === "" ? "stdout" : "stderr", `${PREFIX[level]}${message}\n`)
    }
  }

  return {
    log,
    report(error) {
      const status = error instanceof HttpError || error instanceof OnwardError ? error.status : 500
      const code = error instanceof HttpError || error instanceof OnwardError ? error.code : "internal_error"
      const isRefusal = status < 500 || code.startsWith("too_many_") || code === "busy"
      log(isRefusal ? "warn" : "error", describeError(error), { code })
    },
    prints,
    setLevel(level) {
      least = LEVELS.indexOf(level)
    },
    addFields(read) {
      added = read
    },
  }
}

const writeOut = (stream: "stdout" | "stderr", text: string): void => void process[stream].write(text)

/** Returns an error in one line. Unexpected errors include their stack. */
export function describeError(error: unknown): string {
  if (error instanceof AuthRefusal) return `${error.status} ${error.requestId}: ${error.reason}`
  if (error instanceof OnwardError) return `${adviseOperator(error.code, error.message)} (${error.code})`
  if (error instanceof HttpError) {
    const cause = error.cause instanceof Error ? ` Cause: ${error.cause.message}` : ""
    return `${adviseOperator(error.code, error.message)} (${error.code})${cause}`
  }
  if (!(error instanceof Error)) return String(error)
  const isSystem = "syscall" in error
  return (isSystem || error.name === "UsageError" ? error.message : (error.stack ?? error.message)).replaceAll(
    /\s*\n\s*/g,
    " ",
  )
}
