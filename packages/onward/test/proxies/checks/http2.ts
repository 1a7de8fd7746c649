import { connect, constants, type ClientHttp2Session } from "node:http2"
import { connect as connectSecurely } from "node:tls"
import { createParser } from "../../../src/protocol/index.ts"
import { freshTopic, inStep, type Check } from "../check.ts"
import { holds } from "../reader.ts"
import type { Proxy } from "../start.ts"

const STREAMS = 20
const EVENTS = 3

/** A browser's six connections to a server are no limit any more. */
export const http2: Check = {
  title: `${STREAMS} streams on one HTTP/2 connection`,
  use: "http2",
  async run({ origin, proxy }) {
    const topic = freshTopic()
    const session = await open(proxy)
    try {
      const readers = Array.from({ length: STREAMS }, () => ask(session, `/usual?topic=${topic}`))
      const opened = () => readers.filter(({ status }) => status === 200)
      if (!(await holds(() => opened().length === STREAMS))) return `${opened().length} of ${STREAMS} open`
      const count = await inStep(origin.hubs.usual, topic, EVENTS, readers)
      return `${STREAMS * count} of ${STREAMS * EVENTS}`
    } finally {
      session.destroy()
    }
  },
}

/** With TLS where the proxy speaks it, else knowing beforehand (RFC 9113 section 3.3). */
function open({ port, certificate, isHttp2InCleartext }: Proxy): Promise<ClientHttp2Session> {
  const createConnection = () =>
    connectSecurely({ port, host: "127.0.0.1", servername: "localhost", ca: certificate, ALPNProtocols: ["h2"] })
  const session = isHttp2InCleartext
    ? connect(`http://127.0.0.1:${port}`)
    : connect(`https://localhost:${port}`, { createConnection })
  return new Promise((resolve, reject) => {
    session.on("error", reject)
    session.on("connect", () => resolve(session))
  })
}

interface Http2Reader {
  readonly data: string[]
  readonly status: number | undefined
}

function ask(session: ClientHttp2Session, path: string): Http2Reader {
  const data: string[] = []
  let status: number | undefined
  const stream = session.request({ ":path": path, accept: "text/event-stream" })
  const parser = createParser({ onEvent: (event) => void data.push(event.data) })
  stream.on("response", (head) => (status = Number(head[constants.HTTP2_HEADER_STATUS])))
  stream.on("data", (chunk: Buffer) => parser.feed(chunk))
  stream.on("error", () => {})
  return {
    data,
    get status() {
      return status
    },
  }
}
