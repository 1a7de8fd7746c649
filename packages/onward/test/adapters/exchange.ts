import { checkBlocks } from "../check-blocks.ts"
import { blocksOf, type Block } from "../hub/recorder.ts"

/** How long anything that must happen may take before a test gives up on it, in ms: a busy machine may stand still for seconds. */
const PATIENCE = 120_000

/** A response as its client sees it, while it arrives. */
export class Exchange {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Ways for the client to go, each once. */
  readonly leaveBy: Readonly<Record<string, () => void>>
  /** Begins to read the body. */
  readonly read: () => void
  /** How the body ended, when it has. */
  ending: "ended" | "cut" | undefined
  length = 0
  #chunks: Uint8Array[] = []
  #waiting = new Set<() => void>()

  constructor(
    status: number,
    headers: Readonly<Record<string, unknown>>,
    { leaveBy, read }: Pick<Exchange, "leaveBy" | "read">,
  ) {
    this.status = status
    const texts: Record<string, string> = {}
    for (const [name, value] of Object.entries(headers)) if (!name.startsWith(":")) texts[name] = String(value)
    this.headers = texts
    this.leaveBy = leaveBy
    this.read = read
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.length += chunk.length
    for (const look of this.#waiting) look()
  }

  finish(ending: "ended" | "cut"): void {
    this.ending ??= ending
    for (const look of this.#waiting) look()
  }

  /** The body so far. Throws for a stream that has a block without data. */
  get text(): string {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    const text = bytes.toString()
    if (this.headers["content-type"]?.startsWith("text/event-stream")) checkBlocks(text)
    return text
  }

  get blocks(): Block[] {
    return blocksOf(this.text)
  }

  /** Data of the events received so far, without Onward's own. */
  get data(): string[] {
    return this.blocks
      .filter(({ data, event }) => data !== undefined && !event?.startsWith("stream."))
      .map(({ data }) => data ?? "")
  }

  /** Waits until the body so far holds `text`. */
  async has(text: string): Promise<void> {
    await this.#until(() => this.text.includes(text), `the body to hold ${JSON.stringify(text)}`)
  }

  /** Waits until the body is over. */
  async over(): Promise<"ended" | "cut"> {
    await this.#until(() => this.ending !== undefined && this.text !== undefined, "the body to end")
    return this.ending as "ended" | "cut"
  }

  #until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        if (error) reject(error)
        else resolve()
      }
      const look = () => {
        try {
          if (holds()) done()
        } catch (error) {
          done(error as Error)
        }
      }
      const timer = setTimeout(
        () => done(new Error(`waited in vain for ${what}, got ${this.text.slice(0, 2_000)}`)),
        PATIENCE,
      )
      this.#waiting.add(look)
      look()
    })
  }
}

/** Waits until something that follows from outside of this process, or from a socket, has happened. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE; !holds();) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Waits until a number that grows has stopped doing so for a while. */
export async function settled(look: () => number): Promise<number> {
  let calm = 0
  for (let before = look(); calm < 10;) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const now = look()
    calm = now === before ? calm + 1 : 0
    before = now
  }
  return look()
}
