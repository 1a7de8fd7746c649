/** An id in a request's body that makes the provider read something that it stores. */
export interface Reference {
  /** The path below `/v1` of the requests that create it. */
  readonly path: string
  /** Undefined for a value that is not an id. */
  readonly id: string | undefined
}

export interface ReferenceScan {
  /** Reads the next bytes. */
  push(bytes: Uint8Array): void
  /** The references so far, each once. */
  readonly found: readonly Reference[]
  /** Whether the text can be read in a way that this scan does not see: it is too deep, has too many references, or is not UTF-8. */
  readonly isOpaque: boolean
}

/** Members whose value is an id or a list of ids, and the paths of requests that create it. Their names are compared by {@link plain}. */
const MEMBERS: Readonly<Record<string, string>> = {
  previousresponseid: "/responses",
  responseid: "/responses",
  conversation: "/conversations",
  conversationid: "/conversations",
  fileid: "/files",
  fileids: "/files",
  inputfileid: "/files",
  trainingfile: "/files",
  validationfile: "/files",
  vectorstoreid: "/vector_stores",
  vectorstoreids: "/vector_stores",
  container: "/containers",
  containerid: "/containers",
  batch: "/batches",
  batchid: "/batches",
  assistantid: "/assistants",
  threadid: "/threads",
  promptid: "/prompts",
  itemid: "/items",
  previousitemid: "/items",
}

/** Members whose value is an object with an `id`. */
const OBJECTS: Readonly<Record<string, string>> = {
  conversation: "/conversations",
  container: "/containers",
  file: "/files",
  batch: "/batches",
  prompt: "/prompts",
  audio: "/audio",
  voice: "/voices",
}

/** Members whose content is the client's own, or a schema: providers read nothing by it. */
const SKIPPED: ReadonlySet<string> = new Set(["metadata", "parameters", "inputschema", "schema"])

/** Some providers compare names without case, or accept them in another spelling, such as `fileId`. */
const plain = (name: string): string => name.toLowerCase().replace(/[_-]/g, "")

/** Maximum size of a name or an id in a body, in bytes: each character can be escaped. */
const MAX_TOKEN = 1_536
const MAX_DEPTH = 1_000
const MAX_FOUND = 200

/** An open object or array. */
interface Open {
  readonly isObject: boolean
  /** The member that holds it; in an array, that of the array. */
  readonly of: string
  /** The current member of an object, and whether its value comes next. */
  member: string
  isValue: boolean
  readonly isSkipped: boolean
}

/**
 * Creates a reader that finds references at any depth of a JSON text, in pieces as they arrive. It finds each one of repeated members, because
 * parsers differ in which one they use.
 * @param path the path of the request below `/v1`
 */
export function createReferenceScan(path: string): ReferenceScan {
  // each `id` in these names an item that the provider stores
  const hasItems = /^\/(?:responses|conversations)\b/.test(path)
  // the input of a tool that the model has called
  const skipsInput = path.startsWith("/messages")
  const found = new Map<string, Reference>()
  const stack: Open[] = []
  let isInString = false
  let isEscaped = false
  let isInWord = false
  /** The bytes of the current string; undefined if it is too long. */
  let token: number[] | undefined
  let isOpaque = false

  function add(of: string, id: string | undefined): void {
    const key = `${of} ${id}`
    if (found.size < MAX_FOUND || found.has(key)) found.set(key, { path: of, id })
    else isOpaque = true
  }

  /** @param id undefined for a value other than a string */
  function value(id: string | undefined): void {
    const open = stack.at(-1)
    if (!open || open.isSkipped) return
    const member = open.isObject ? open.member : open.of
    const ofMember = Object.hasOwn(MEMBERS, member) ? MEMBERS[member] : undefined
    if (ofMember !== undefined) return add(ofMember, id)
    if (!open.isObject || member !== "id") return
    const ofObject = Object.hasOwn(OBJECTS, open.of) ? OBJECTS[open.of] : undefined
    if (ofObject !== undefined) add(ofObject, id)
    else if (hasItems && stack.length > 1) add("/items", id)
  }

  function endString(): void {
    const open = stack.at(-1)
    const text = token && parsed(token)
    if (open?.isObject && !open.isValue) open.member = text === undefined ? "" : plain(text)
    else value(text)
  }

  function start(byte: number): void {
    const open = stack.at(-1)
    const isWord = isInWord
    isInWord = false
    if (byte === 0x22) {
      isInString = true
      token = [byte]
    } else if (byte === 0x7b || byte === 0x5b) {
      if (stack.length >= MAX_DEPTH) isOpaque = true
      const of = open ? (open.isObject ? open.member : open.of) : ""
      const isSkipped = open?.isSkipped === true || SKIPPED.has(of) || (skipsInput && of === "input")
      stack.push({ isObject: byte === 0x7b, of, member: "", isValue: false, isSkipped })
    } else if (byte === 0x7d || byte === 0x5d) stack.pop()
    else if (byte === 0x3a && open) open.isValue = true
    else if (byte === 0x2c && open) open.isValue = false
    else if (byte === 0) isOpaque = true
    else if (byte > 0x20) {
      isInWord = true
      // `null` is no id
      if (!isWord && byte !== 0x6e) value(undefined)
    }
  }

  return {
    get found() {
      return [...found.values()]
    },
    get isOpaque() {
      return isOpaque
    },
    push(bytes) {
      // UTF-16 and UTF-32, which some parsers detect
      if (bytes.includes(0)) isOpaque = true
      for (let at = 0; at < bytes.length && !isOpaque; at++) {
        const byte = bytes[at] as number
        if (!isInString) start(byte)
        else if (isEscaped) {
          isEscaped = false
          keep(byte)
        } else if (byte === 0x22) {
          keep(byte)
          isInString = false
          endString()
        } else {
          if (byte === 0x5c) isEscaped = true
          keep(byte)
          if (token === undefined && !isEscaped) at = endOfPlain(bytes, at + 1) - 1
        }
      }
    },
  }

  function keep(byte: number): void {
    if (token && token.push(byte) > MAX_TOKEN) token = undefined
  }
}

/** The position of the next quote or backslash: most bytes of a large body are in long strings. */
function endOfPlain(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && bytes[at] !== 0x22 && bytes[at] !== 0x5c) at++
  return at
}

function parsed(token: readonly number[]): string | undefined {
  try {
    const text = JSON.parse(Buffer.from(token).toString("utf8")) as unknown
    return typeof text === "string" ? text : undefined
  } catch {
    return undefined
  }
}
