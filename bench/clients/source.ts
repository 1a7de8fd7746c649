/**
 * The server of the client's bench, a process of its own. `/flood`: events of 190 bytes in chunks of 64 KiB, as fast as they are taken;
 * `/tokens`: the same events one a chunk, 200 a second. Any line on stdin is answered with the bytes written since the one before.
 */
import { createServer, type AddressInfo, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { EVENT } from "./shapes.ts"

const HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
const chunk = (text: string): Buffer => Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n`)
const large = chunk(EVENT.repeat(Math.floor(65_536 / EVENT.length)))
const small = chunk(EVENT)

let written = 0
/** Streams of tokens, each due once in five turns. */
const turns: Set<Socket>[] = Array.from({ length: 5 }, () => new Set())
let next = 0

function flood(socket: Socket): void {
  const write = (): void => {
    do written += large.length
    while (socket.write(large))
  }
  socket.on("drain", write)
  write()
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {})
  socket.once("data", (head) => {
    socket.write(HEAD)
    if (head.toString("latin1").startsWith("GET /flood")) return flood(socket)
    const turn = turns[next++ % turns.length] as Set<Socket>
    turn.add(socket)
    socket.on("close", () => turn.delete(socket))
  })
})

let now = 0
setInterval(() => {
  for (const socket of turns[now++ % turns.length] as Set<Socket>) socket.write(small)
}, 1)

createInterface({ input: process.stdin })
  .on("line", () => {
    console.log(JSON.stringify({ written }))
    written = 0
  })
  .on("close", () => process.exit())
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
