import assert from "node:assert/strict"
import net from "node:net"
import type { Running } from "./running.ts"

/** Longer than any topic, id of a run or event id may be. */
export const LONG = "x".repeat(1_100)

/** Request targets as no browser sends them: RFC 9112 section 3.2, and what is not in it. */
const TARGETS = [
  "//[",
  "//",
  "/\\",
  "/?user=*",
  "/?user=%00",
  "/?user=%",
  "/?user=%E0%A4%A",
  "/?user=%ED%A0%80",
  "/?user=%0D%0AX:1",
  "/?user=",
  "/?user=stream.x",
  "/?user=:id",
  `/?user=${LONG}`,
  "/?last=-1",
  "/?since=never",
  "/?last_event_id=%00",
  `/?last_event_id=${LONG}`,
  "/?last_event_id=-5",
  "/*",
  "/%00",
  "/%",
  `/${LONG}`,
  "/events?last=x",
  "//[/events",
  "/runs/%",
  "/runs/*",
  `/runs/${LONG}`,
  "/trpc/%",
  "/trpc/say?input=%00",
  "/rpc/%",
  "/rpc/say?data=%00",
  "/chat/%",
  "/api/chat/%",
  "/api/chat/x/stream",
  `/api/chat/${LONG}/stream`,
  "*",
  "http://localhost/?user=*",
  "http://[/",
  "user=*",
  "/\u0007",
  `/${"y".repeat(100_000)}`,
  "",
]

/**
 * Sends requests that no browser makes. The process must survive each of them.
 * @param most the highest status that an answer may have: a framework around an example may blame itself, an example may not
 */
export async function sendHostileRequests(server: Running, port: number, most = 499): Promise<void> {
  for (const target of TARGETS) {
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const status = await statusOf(port, method, target)
      const request = `${method} ${target.slice(0, 40)}`
      assert.ok(status === undefined || status <= most, `${request}: ${status}\n${server.output}`)
      assert.equal(server.process.exitCode, null, `${request}\n${server.output}`)
    }
  }
}

/** Sends a request byte for byte; resolves to the status of its answer, undefined when the connection is closed without one. */
export function statusOf(port: number, method: string, target: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1")
    let text = ""
    const finish = (): void => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
      resolve(status === undefined ? undefined : Number(status))
      socket.destroy()
    }
    socket.on("data", (chunk) => {
      text += String(chunk)
      if (text.includes("\r\n")) finish()
    })
    socket.on("error", finish)
    socket.on("close", finish)
    const head = [`${method} ${target} HTTP/1.1`, "Host: localhost", "Cookie: session=cookie-of-ada"]
    const body = method === "GET" ? [] : ["Content-Type: text/plain", "Content-Length: 0"]
    socket.write([...head, ...body, "", ""].join("\r\n"))
  })
}
