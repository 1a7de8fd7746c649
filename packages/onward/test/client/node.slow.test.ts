import assert from "node:assert/strict"
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import https from "node:https"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite, test, type TestContext } from "node:test"
import { promisify } from "node:util"
import { selfSigned } from "../adapters/certificate.ts"
import { reservePort } from "../reserve-port.ts"
import { TRANSPORTS } from "./transports.ts"

const CLIENTS = ["EventSource", "stream"]
const RECONNECTS = 3_000

const programOf = (name: string): string => new URL(`programs/${name}.ts`, import.meta.url).pathname
const flags = ["--conditions=onward-source"]

async function listen(t: TestContext, server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const head = { "content-type": "text/event-stream" }

for (const transport of Object.keys(TRANSPORTS)) {
  suite(`over ${transport}`, { concurrency: true }, () => {
    for (const client of CLIENTS) {
      test(`a process that only reads a stream waits for its server, and ends when it closes it: ${client}`, async (t) => {
        const port = await reservePort()
        const url = `http://127.0.0.1:${port}/`
        const child = spawn(process.execPath, [...flags, programOf("follow"), client, transport, url])
        t.after(() => child.kill())
        let output = ""
        let isServed = false
        for await (const text of child.stdout.setEncoding("utf8")) {
          output += String(text)
          // the second failure comes after a wait in which there was nothing else to do
          if (isServed || output.split("network_error").length <= 2) continue
          isServed = true
          await listen(
            t,
            createServer((_, res) => void res.writeHead(200, head).write("data: came\n\n")),
            port,
          )
        }
        assert.match(output, /came\nexit 0\n$/)
      })

      test(`${RECONNECTS} reconnects leave no memory behind: ${client}`, async (t) => {
        const server = createServer((_, res) => res.writeHead(200, head).end("data: x\n\n"))
        const url = `http://127.0.0.1:${await listen(t, server)}/`
        const args = [...flags, "--expose-gc", programOf("reconnect"), client, transport, url, String(RECONNECTS)]
        const { stdout } = await promisify(execFile)(process.execPath, args)
        const { count, grown, left, listeners } = JSON.parse(stdout) as Record<string, number>
        assert.deepEqual([count, left, listeners], [RECONNECTS, transport === "fetch" ? left : [], 0])
        assert.ok(Number(grown) < 1_500_000, `${grown} bytes more after ${RECONNECTS} reconnects than after a tenth`)
      })
    }

    test("a certificate that Node is configured to trust is trusted, and no other", async (t) => {
      const { key, cert } = selfSigned()
      const folder = mkdtempSync(join(tmpdir(), "onward-ca-"))
      t.after(() => rmSync(folder, { recursive: true }))
      const file = join(folder, "ca.pem")
      writeFileSync(file, cert)
      const server = https.createServer(
        { key, cert },
        (_, res) => void res.writeHead(200, head).end("data: secret\n\n"),
      )
      const url = `https://localhost:${await listen(t, server)}/`
      const args = [...flags, programOf("read"), "stream", transport, url]
      const run = async (env: NodeJS.ProcessEnv): Promise<unknown> => {
        const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })
        const { length, code } = JSON.parse(stdout) as { length: number; code?: string }
        return [length, code]
      }
      assert.deepEqual(await run({ NODE_EXTRA_CA_CERTS: file }), ["secret".length, undefined])
      assert.deepEqual(await run({}), [0, "network_error"])
    })
  })
}
