import { once } from "node:events"
import { createServer, type Server } from "node:net"

/**
 * Below all ports that systems give to who asks for any, outgoing connections among them (from 32,768 on Linux, from 49,152
 * elsewhere). One of those may be taken between being found free and being listened on, and again while its server is away.
 */
const FIRST = 10_000
const COUNT = 10_000

/**
 * A port for a program that must be told one. It is nobody else's as long as this process lives, also before and between the times
 * somebody listens there. What claims it is a listener on its twin, `COUNT` above: the system ends that with the process, however it ends.
 */
export async function reservePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    const claim = await listen(port + COUNT)
    const isFree = claim && (await isFreeNow(port))
    if (isFree) return port
    claim?.close()
  }
}

/** Several at once. */
export const reservePorts = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, reservePort))

/** Programs that claim no port may listen there all the same. */
async function isFreeNow(port: number): Promise<boolean> {
  const probe = await listen(port)
  if (!probe) return false
  await once(probe.close(), "close")
  return true
}

/** Undefined when somebody listens there. Keeps no process alive. */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => void socket.destroy()).unref()
  const listening = once(server, "listening")
  server.listen(port, "127.0.0.1")
  try {
    await listening
    return server
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined
    throw error
  }
}
