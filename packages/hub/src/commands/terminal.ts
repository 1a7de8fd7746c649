import type { Readable, Writable } from "node:stream"
import { printable } from "../printable.ts"

/** The standard streams of a command, and its environment. Data goes to `stdout`, and everything else to `stderr`. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }
  readonly stderr: Writable
  readonly env: NodeJS.ProcessEnv
}

/** The standard output of a command. */
export interface Output {
  /** Resolves when the reader has taken enough that more can follow: a slow reader slows the command. Rejects once the pipe is closed. */
  readonly write: (text: string) => Promise<void>
  /** Aborts when the reader closed the pipe. */
  readonly closed: AbortSignal
}

/** Opens a command's standard output. */
export function openOutput({ stdout }: Terminal): Output {
  const closing = new AbortController()
  stdout.on("error", (error) => closing.abort(error))
  return {
    closed: closing.signal,
    async write(text) {
      closing.signal.throwIfAborted()
      if (stdout.write(text)) return
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          stdout.off("drain", onDrain)
          reject(closing.signal.reason as Error)
        }
        const onDrain = (): void => {
          closing.signal.removeEventListener("abort", onAbort)
          resolve()
        }
        closing.signal.addEventListener("abort", onAbort, { once: true })
        stdout.once("drain", onDrain)
      })
    },
  }
}

/** Whether an error says that the reader of a pipe has closed it, as `head` does. */
export const isClosedPipe = (error: unknown): boolean =>
  /^(?:EPIPE|EOF|ERR_STREAM_DESTROYED)$/.test((error as { readonly code?: string } | null)?.code ?? "")

/** Prints one line about what happens. It can contain text of a server. */
export function tell({ stderr }: Terminal, text: string): void {
  stderr.write(`onward: ${printable(text)}\n`)
}
