import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestContext } from "node:test"

/** Serves a model whose answers count on until they are stopped, so that no machine is too slow to stop one; returns the variables to use it. */
export async function serveEndlessModel(t: TestContext): Promise<NodeJS.ProcessEnv> {
  const server = createServer((_, res) => {
    res.setHeader("content-type", "text/event-stream")
    let count = 0
    const counting = setInterval(
      () => res.write(`data: ${JSON.stringify({ choices: [{ delta: { content: `${count++} ` } }] })}\n\n`),
      40,
    )
    res.on("close", () => clearInterval(counting))
  }).listen(0, "127.0.0.1")
  t.after(() => void server.close().closeAllConnections())
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: "endless" }
}
