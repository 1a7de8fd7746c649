import { open, stat, type FileHandle } from "node:fs/promises"
import { setTimeout as wait } from "node:timers/promises"

/** A line of a file; `id` is the place right after it. */
export interface Line {
  readonly id: string
  readonly data: string
}

const POLL_MS = 200
const CHUNK = 65_536
/** How much of the end a reader without a place is shown, in bytes. */
const TAIL = 3_000

/**
 * Follows a file of lines for ever, also when it is rotated to `<path>.1`. With the id of the last line seen it carries on
 * right after it, as long as the file it was in is there. Ends when `signal` is aborted.
 */
export async function* followFile(
  path: string,
  lastEventId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  let { file, name, offset } = await openAt(path, lastEventId)
  try {
    for (;;) {
      const wasRotated = (await nameOf(path)) !== name
      for await (const line of linesFrom(file, offset)) {
        offset += Buffer.byteLength(line) + 1
        yield { id: `${name}.${offset}`, data: line }
        if (signal.aborted) return
      }
      // asked before reading: whatever was written to the old file before it was put away has been read by now
      if (wasRotated) {
        await file.close()
        ;({ file, name, offset } = { ...(await openNamed(path)), offset: 0 })
      } else await wait(POLL_MS, undefined, { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await file.close()
  }
}

/** The complete lines after `offset`. */
async function* linesFrom(file: FileHandle, offset: number): AsyncGenerator<string> {
  const buffer = Buffer.alloc(CHUNK)
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK, offset)
    const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
    if (end === 0) return
    offset += end
    yield* buffer.toString("utf8", 0, end - 1).split("\n")
  }
}

interface Place {
  readonly file: FileHandle
  /** Of the file itself, whatever path it has. */
  readonly name: string
  readonly offset: number
}

async function openAt(path: string, id: string | undefined): Promise<Place> {
  const [, wanted, digits] = /^(\w{1,32})\.(\d{1,15})$/.exec(id ?? "") ?? []
  for (const candidate of wanted === undefined ? [] : [path, `${path}.1`]) {
    const opened = await openNamed(candidate).catch(() => undefined)
    if (!opened) continue
    if (opened.name === wanted) return { ...opened, offset: Number(digits) }
    await opened.file.close()
  }
  const opened = await openNamed(path)
  const { size } = await opened.file.stat()
  if (size <= TAIL) return { ...opened, offset: 0 }
  const buffer = Buffer.alloc(TAIL)
  await opened.file.read(buffer, 0, TAIL, size - TAIL)
  return { ...opened, offset: size - TAIL + buffer.indexOf(10) + 1 }
}

async function openNamed(path: string): Promise<Omit<Place, "offset">> {
  const file = await open(path)
  return { file, name: toName(await file.stat()) }
}

const nameOf = async (path: string): Promise<string> => toName(await stat(path))

/** Numbers of files are used again; together with the time of birth they are not. */
const toName = ({ ino, birthtimeMs }: { ino: number; birthtimeMs: number }): string =>
  `${ino.toString(36)}t${Math.floor(birthtimeMs).toString(36)}`
