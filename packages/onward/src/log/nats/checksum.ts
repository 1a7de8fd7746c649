/** Length of a seal, in bytes. */
export const CHECKSUM_BYTES = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Puts a sum before the bytes, in hexadecimal. NATS has none, and a process that folded one damaged record would part from
 * the others for ever, without anybody noticing.
 */
export function addChecksum(data: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(CHECKSUM_BYTES + data.length)
  sealed.set(data, CHECKSUM_BYTES)
  encoder.encodeInto(sumOf(data), sealed)
  return sealed
}

/** The bytes behind a seal; undefined when it does not fit them. */
export function removeChecksum(sealed: Uint8Array): Uint8Array | undefined {
  const data = sealed.subarray(CHECKSUM_BYTES)
  return decoder.decode(sealed.subarray(0, CHECKSUM_BYTES)) === sumOf(data) ? data : undefined
}

/** FNV-1a in 32 bits: against accidents, not against anybody. */
function sumOf(data: Uint8Array): string {
  let sum = 0x811c9dc5
  for (let i = 0; i < data.length; i++) sum = Math.imul(sum ^ (data[i] as number), 0x01000193)
  return (sum >>> 0).toString(16).padStart(CHECKSUM_BYTES, "0")
}
