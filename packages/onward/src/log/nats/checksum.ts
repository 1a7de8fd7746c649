/** Length of a checksum, in bytes. */
export const CHECKSUM_BYTES = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Prepends a checksum, in hexadecimal. NATS has none. A process that applied a damaged record would have other entries than all
 * other processes from then on, without an error.
 */
export function addChecksum(data: Uint8Array): Uint8Array {
  const stored = new Uint8Array(CHECKSUM_BYTES + data.length)
  stored.set(data, CHECKSUM_BYTES)
  encoder.encodeInto(sumOf(data), stored)
  return stored
}

/** Returns the bytes after a checksum. Undefined when the checksum is wrong. */
export function removeChecksum(stored: Uint8Array): Uint8Array | undefined {
  const data = stored.subarray(CHECKSUM_BYTES)
  return decoder.decode(stored.subarray(0, CHECKSUM_BYTES)) === sumOf(data) ? data : undefined
}

/** FNV-1a with 32 bits: it detects accidental damage, not manipulation. */
export function sumOf(data: Uint8Array): string {
  let sum = 0x811c9dc5
  for (let i = 0; i < data.length; i++) sum = Math.imul(sum ^ (data[i] as number), 0x01000193)
  return (sum >>> 0).toString(16).padStart(CHECKSUM_BYTES, "0")
}
