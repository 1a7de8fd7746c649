import type { IncomingMessage, ServerResponse } from "node:http"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { createQuota, type Account, type QuotaOptions } from "./quota.ts"

export interface BodiesOptions extends Partial<QuotaOptions> {
  /** Maximum size of a body, in bytes. A message of 1 MiB fits even if its JSON has many escapes. @default 4 MiB */
  readonly maxBytes?: number
  /** Maximum size of all bodies handled at once, in bytes. @default 64 MiB */
  readonly totalBytes?: number
  /** Maximum size of one caller's bodies handled at once, in bytes. @default a quarter of `totalBytes`, but at least `maxBytes` */
  readonly shareBytes?: number
  /** The option that raises `maxBytes`, for the error message. @default none */
  readonly limitName?: string
}

/** Reads request bodies within limits. */
export interface Bodies {
  /**
   * Reads a body and calls `use` with its text; the body counts until `use` has settled. Throws `HttpError`: 413 as soon as the body is too
   * large, 429 when the caller sends too many at once, 503 when all callers together do, 408 when it stalls, 400 when it is not UTF-8.
   */
  read<T>(req: IncomingMessage, res: ServerResponse, use: (text: string) => Promise<T>): Promise<T>
  /** Reads a body that does not have to be text. Calls `onPiece` with each chunk when it arrives. */
  readBytes<T>(
    req: IncomingMessage,
    res: ServerResponse,
    use: (bytes: Buffer) => Promise<T>,
    onPiece?: (piece: Buffer) => void,
  ): Promise<T>
}

export function createBodies(options: BodiesOptions = {}): Bodies {
  const { maxBytes = 4 * 1024 ** 2, totalBytes = 64 * 1024 ** 2, limitName } = options
  const quota = createQuota({ shareBytes: Math.max(totalBytes / 4, maxBytes), ...options, totalBytes })

  const tooLarge = (): HttpError => {
    const advice = limitName === undefined ? "Send less at once." : `Send less at once, or raise ${limitName}.`
    return new HttpError(413, "body_too_large", `The body is larger than ${maxBytes} bytes. ${advice}`)
  }

  const bodies: Bodies = {
    read: (req, res, use) => bodies.readBytes(req, res, (bytes) => use(decode(bytes))),
    async readBytes(req, res, use, onPiece) {
      if (Number(req.headers["content-length"] ?? 0) > maxBytes) throw tooLarge()
      if (req.headers.expect !== undefined) res.writeContinue()
      const check = (piece: Buffer, size: number): void => {
        if (size > maxBytes) throw tooLarge()
        onPiece?.(piece)
      }
      const { bytes, account } = await collect(req, check, quota.open.bind(quota, callerOf(req)))
      try {
        return await use(bytes)
      } finally {
        account.release()
      }
    },
  }
  return bodies
}

/** Whether a request announces a body (RFC 9112 section 6.3), with any method. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

/** Collects a body with events, because leaving a `for await` loop would destroy the connection before the response. */
function collect(
  req: IncomingMessage,
  check: (piece: Buffer, size: number) => void,
  open: (onRefused: (error: HttpError) => void) => Account,
): Promise<{ bytes: Buffer; account: Account }> {
  return new Promise((resolve, reject) => {
    const gathered = new Gathered()
    let isOver = false
    const refuse = (error: unknown): void => {
      isOver = true
      account.release()
      req.pause().off("data", onData)
      reject(error)
    }
    const onData = (chunk: Buffer): void => {
      try {
        check(chunk, gathered.size + chunk.length)
        account.take(chunk.length)
        gathered.push(chunk)
      } catch (error) {
        refuse(error)
      }
    }
    const account = open(refuse)
    req.on("data", onData)
    req.once("end", () => {
      if (isOver) return
      isOver = true
      account.settle()
      resolve({ bytes: gathered.bytes(), account })
    })
    req.once("close", () => {
      if (!isOver) refuse(new HttpError(400, "incomplete_body", "The body ended early. Send it again."))
    })
  })
}

/** Bytes in one growing buffer. A list of one-byte chunks would need a hundred times their memory. */
class Gathered {
  size = 0
  #buffer: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): void {
    const size = this.size + chunk.length
    if (this.size === 0) this.#buffer = chunk
    else {
      if (size > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(size * 2)
        this.#buffer.copy(larger, 0, 0, this.size)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, this.size)
    }
    this.size = size
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.size)
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new HttpError(400, "invalid_body", "The body is not valid UTF-8. Encode it as UTF-8.")
  }
}
