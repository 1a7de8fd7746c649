import { HttpError } from "../http-error.ts"

/** The path of a request below `/v1`, in the only form that the gateway accepts. */
export interface ApiPath {
  /** The path below `/v1`, in the form that the provider receives: `/responses/resp_1`. */
  readonly path: string
  /** The unchanged query with its `?`; empty without one. */
  readonly search: string
  /** The path's segments, decoded. */
  readonly segments: readonly string[]
  /** The path before `/v1`, which chooses an upstream; empty for none. */
  readonly prefix: string
}

/** The characters of a segment (RFC 3986 section 3.3), without `;`, with which some servers end it. */
const SEGMENT = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-F]{2})+$/
/** Unreserved characters must not be encoded: some servers compare paths before they decode them, others afterwards. */
const NEEDLESS = /%(?:2[DE]|3\d|4[1-9A-F]|5[\dAF]|6[1-9A-F]|7[\dAE])/
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const DANGEROUS = /[\u0000-\u001f\u007f/\\%;?#]/

/**
 * Parses the target of a request. Because the path decides whose response is read, a path that a provider can read differently is refused: dot
 * segments, empty segments, a trailing slash, encoded slashes, `;` parameters, unnecessary or doubled percent-encoding.
 *
 * @throws HttpError 400 `invalid_path`
 */
export function readPath(target: string): ApiPath {
  const [, prefix = "", rest = "", search = ""] =
    /^((?:\/[a-z0-9-]+)?)\/v1((?:\/[^?#]*)?)(\?[^#]*)?$/.exec(target) ?? []
  if (rest === "" || !/^[\u0021-\u007e]*$/.test(target)) throw notCanonical()
  const raw = rest.slice(1).split("/")
  const segments = raw.map((segment) => decodeSegment(segment, raw[0] === "models"))
  return { path: rest, search, segments, prefix }
}

/** @param mayHoldSlash for model names, which are often those of repositories */
function decodeSegment(segment: string, mayHoldSlash: boolean): string {
  if (!SEGMENT.test(segment) || NEEDLESS.test(segment)) throw notCanonical()
  const decoded = decode(segment)
  const pieces = mayHoldSlash ? decoded.split("/") : [decoded]
  if (pieces.some((piece) => piece === "" || piece === "." || piece === ".." || DANGEROUS.test(piece))) {
    throw notCanonical()
  }
  return decoded
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw notCanonical()
  }
}

const notCanonical = (): HttpError =>
  new HttpError(
    400,
    "invalid_path",
    "The path is not in its canonical form. Send it without dot segments, empty segments, a trailing slash, encoded slashes, parameters and unnecessary percent-encoding.",
  )
