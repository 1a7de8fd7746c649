// What a program without Onward would do to replay a store: `node scale/loop.ts <ServeOptions as JSON>`. For each request it reads the rows of
// the log page by page with the store's driver, and writes a page of events at once on `node:http`. It answers like `serve.ts`.
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { Redis } from "ioredis"
import { formatPosition } from "onward/log/driver"
import pg from "pg"
import type { LogSpec } from "./open-log.ts"
import { watchLoop, type ServeOptions } from "./serve.ts"

const PAGE = 512

/** The rows after a sequence number. */
type ReadPage = (after: number) => Promise<readonly (readonly [sequence: number, data: string])[]>

interface Source {
  readonly epoch: string
  readonly readPage: ReadPage
}

async function open(log: LogSpec): Promise<Source> {
  if (log.kind === "sqlite") {
    const database = new DatabaseSync(log.path, { readOnly: true })
    const rows = database.prepare("SELECT sequence, data FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?")
    rows.setReturnArrays(true)
    const epoch = database.prepare("SELECT epoch FROM log").get()?.["epoch"] as string
    return { epoch, readPage: async (after) => rows.all(after, PAGE) as unknown as [number, string][] }
  }
  if (log.kind === "postgres") {
    const pool = new pg.Pool({ connectionString: log.url })
    const epoch = ((await pool.query("SELECT epoch FROM onward.log")).rows[0] as { epoch: string }).epoch
    const text = "SELECT sequence, data FROM onward.entries WHERE sequence > $1 ORDER BY sequence LIMIT $2"
    return {
      epoch,
      readPage: async (after) => {
        const { rows } = await pool.query<[string, string]>({
          name: "page",
          text,
          values: [after, PAGE],
          rowMode: "array",
        })
        return rows.map(([sequence, data]) => [Number(sequence), data])
      },
    }
  }
  if (log.kind !== "redis") throw new Error("A log in memory has no store to read.")
  const client = new Redis(log.url)
  const epoch = (await client.hget("onward:{log}", "stream")) as string
  return {
    epoch,
    readPage: async (after) => {
      const found = await client.xrange(`onward:{log}:entries:${epoch}`, after + 1, "+", "COUNT", PAGE)
      return found.map(([id, [, stored = ""]]) => [Number.parseInt(id, 10), stored.slice(stored.indexOf("\n") + 1)])
    },
  }
}

async function replay({ epoch, readPage }: Source, res: ServerResponse): Promise<void> {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" })
  for (let after = 0; !res.destroyed;) {
    const rows = await readPage(after)
    if (rows.length === 0) return
    let text = ""
    for (const [sequence, data] of rows) text += `id: ${formatPosition(epoch, sequence)}\ndata: ${data}\n\n`
    after = rows.at(-1)?.[0] ?? after
    if (!res.write(text)) await once(res, "drain")
    else await new Promise((resolve) => void setImmediate(resolve))
  }
}

const { log } = JSON.parse(process.argv[2] ?? "{}") as ServeOptions
const source = await open(log)
const loop = watchLoop()
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
createInterface({ input: process.stdin })
  .on("line", () => say({ reads: 0, ...loop() }))
  .on("close", () => process.exit())
const server = createServer((_, res) => void replay(source, res))
server.listen(0, "127.0.0.1", () => say({ port: (server.address() as AddressInfo).port }))
