/** What a strict reader of HTTP/1.1 chunked coding (RFC 9112 section 7.1) makes of `bytes`: throws at anything irregular. */
export function decodeChunked(bytes: Buffer): { body: Buffer; chunks: number; isComplete: boolean } {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf("\r\n", at)
    if (lineEnd < 0) throw new Error(`no end of a chunk's size at ${at}`)
    const size = bytes.toString("latin1", at, lineEnd)
    if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(size)) throw new Error(`"${size}" is no size, at ${at}`)
    const length = Number.parseInt(size, 16)
    const start = lineEnd + 2
    const end = start + length
    if (bytes.toString("latin1", end, end + 2) !== "\r\n") throw new Error(`no end of the chunk that begins at ${at}`)
    at = end + 2
    if (length > 0) parts.push(bytes.subarray(start, end))
    else if (at === bytes.length) return { body: Buffer.concat(parts), chunks: parts.length, isComplete: true }
    else throw new Error(`${bytes.length - at} bytes after the last chunk`)
  }
  return { body: Buffer.concat(parts), chunks: parts.length, isComplete: false }
}

/** Takes a raw HTTP/1.1 response apart. */
export function splitResponse(bytes: Buffer): { head: string; rest: Buffer } {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) throw new Error("no end of the head")
  return { head: bytes.toString("latin1", 0, end), rest: bytes.subarray(end + 4) }
}
