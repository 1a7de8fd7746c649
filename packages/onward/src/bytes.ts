interface ByteCounter {
  byteLength(text: string, encoding: "utf8"): number
}

const native = (globalThis as { Buffer?: ByteCounter }).Buffer

/** UTF-8 length of `text` in bytes; a lone surrogate counts as U+FFFD, three bytes, which is what encoders write. */
export const byteLength: (text: string) => number = native ? (text) => native.byteLength(text, "utf8") : countBytes

function countBytes(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}
