import { HttpError } from "./http-error.ts"

/** The media type of forms. */
export const FORM = "application/x-www-form-urlencoded"

/** Returns the media type in lower case; "" if the charset is not UTF-8. */
export function mediaTypeOf(header = ""): string {
  const [type = "", ...parameters] = header.split(";").map((part) => part.trim().toLowerCase())
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))
  return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? type : ""
}

/**
 * Yields the names and values of a form (WHATWG URL, section 5.1). Throws `HttpError` 400 for percent-encoding that is malformed or not UTF-8.
 */
export function* formPairs(text: string): Generator<[name: string, value: string]> {
  for (let from = 0; from < text.length;) {
    if (text.charCodeAt(from) === AMPERSAND) {
      from++
      continue
    }
    const end = text.indexOf("&", from)
    const to = end < 0 ? text.length : end
    const pair = text.slice(from, to)
    const at = pair.indexOf("=")
    yield [decode(at < 0 ? pair : pair.slice(0, at)), at < 0 ? "" : decode(pair.slice(at + 1))]
    from = to + 1
  }
}

const SPACE = 0x20
const AMPERSAND = 0x26
const PLUS = 0x2b
const PERCENT = 0x25

/** Percent-decodes a name or value in one pass: replacing a million `+` one by one takes 200 ms. */
function decode(text: string): string {
  if (!/[+%]/.test(text)) return text
  const bytes = Buffer.from(text)
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (byte === PERCENT) {
      bytes[length++] = hexAt(bytes, i + 1) * 16 + hexAt(bytes, i + 2)
      i += 2
    } else bytes[length++] = byte === PLUS ? SPACE : byte
  }
  try {
    return UTF_8.decode(bytes.subarray(0, length))
  } catch {
    throw notEncoded()
  }
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function hexAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  if (lower < 0x61 || lower > 0x66) throw notEncoded()
  return lower - 0x57
}

const notEncoded = (): HttpError =>
  new HttpError(400, "invalid_body", "The form is not valid percent-encoded UTF-8. Encode it with encodeURIComponent.")
