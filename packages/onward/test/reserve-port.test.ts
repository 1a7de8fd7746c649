import assert from "node:assert/strict"
import { once } from "node:events"
import { connect, createServer } from "node:net"
import { test } from "node:test"
import { reservePort, reservePorts } from "./reserve-port.ts"

test("a port is reserved once, and its owner can listen, close, and listen again", async () => {
  const ports = await reservePorts(50)
  assert.equal(new Set(ports).size, 50)
  const [port = 0] = ports
  for (let i = 0; i < 2; i++) {
    const server = createServer().listen(port, "127.0.0.1")
    await once(server, "listening")
    await once(server.close(), "close")
  }
})

test("a reserved port is outside the range for outgoing connections", async () => {
  const port = await reservePort()
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const socket = connect((server.address() as { port: number }).port, "127.0.0.1")
  await once(socket, "connect")
  const { localPort = 0 } = socket
  socket.destroy()
  server.close()
  assert.ok(port < 20_000 && localPort >= 30_000, `${port}, ${localPort}`)
})
