import { parse, type ParsedEvent } from "onward/protocol"

/** Reads a stream up to the first event for which `isLast` is true, checkpoints left out, and leaves. */
export async function readUntil(
  url: string,
  isLast: (event: ParsedEvent) => boolean,
  headers: Record<string, string> = {},
): Promise<ParsedEvent[]> {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  if (!response.ok || !response.body) throw new Error(`${response.status} ${await response.text()}`)
  const events: ParsedEvent[] = []
  for await (const event of parse(response.body)) {
    if (event.event === "stream.checkpoint") continue
    events.push(event)
    if (isLast(event)) break
  }
  leaving.abort()
  return events
}

/** Reads the first `count` events of a stream. */
export async function readEvents(
  url: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<ParsedEvent[]> {
  let left = count
  return readUntil(url, () => --left === 0, headers)
}
