/** 190 bytes, as a model's tokens are about. */
export const EVENT = `data: ${JSON.stringify({ id: "chatcmpl-9", choices: [{ delta: { content: " token" } }] }).padEnd(182)}\n\n`

export interface Shape {
  readonly name: string
  readonly path: "/flood" | "/tokens"
  readonly streams: number
  /** Events of all streams before the clock starts, and while it runs. */
  readonly warm: number
  readonly events: number
}

export const shapes: readonly Shape[] = [
  { name: "flood", path: "/flood", streams: 1, warm: 150_000, events: 500_000 },
  { name: "tokens", path: "/tokens", streams: 50, warm: 10_000, events: 20_000 },
]
