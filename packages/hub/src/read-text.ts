/**
 * Reads the body of a response as text. Throws if it has more than `max` bytes, without reading the rest: the server can be any server, and its
 * answer can be endless.
 */
export async function readText({ body }: Response, max: number): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += piece.length
    if (size > max) throw new Error(`the answer has more than ${max} bytes`)
    pieces.push(piece)
  }
  return new TextDecoder().decode(Buffer.concat(pieces))
}
