import { open, stat, type FileHandle } from "node:fs/promises"
import { setTimeout as wait } from "node:timers/promises"

/** A line of a file. `id` is the position after it. */
export interface Line {
  readonly id: string
  readonly data: string
}

const POLL_MS = 200
const CHUNK = 65_536
/** Number of bytes at the end of the file that a reader without an id receives. */
const TAIL = 3_000

/**
 * Yields the lines of a growing file, also after it is rotated to `<path>.1`. With the id of the last line it resumes after that line, if the
 * line's file still exists. Ends when `signal` is aborted.
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
      // tested before reading, so all lines written before the rotation have been read
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

interface OpenFile {
  readonly file: FileHandle
  /** Identifies the file, also after it is renamed. */
  readonly name: string
  readonly offset: number
}

async function openAt(path: string, id: string | undefined): Promise<OpenFile> {
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

async function openNamed(path: string): Promise<Omit<OpenFile, "offset">> {
  const file = await open(path)
  return { file, name: toName(await file.stat()) }
}

const nameOf = async (path: string): Promise<string> => toName(await stat(path))

/** Inode numbers are reused; with the time of creation they are unique. */
const toName = ({ ino, birthtimeMs }: { ino: number; birthtimeMs: number }): string =>
  `${ino.toString(36)}t${Math.floor(birthtimeMs).toString(36)}`
