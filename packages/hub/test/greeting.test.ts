import assert from "node:assert/strict"
import { test } from "node:test"
import { closing, greet, type Ready } from "../src/greeting.ts"
import type { Level, Logger } from "../src/logger.ts"
import { explainStart } from "../src/start-failure.ts"

type Config = Parameters<typeof greet>[1]

const CONFIG = {
  auth: undefined,
  demo: false,
  gateway: { upstreams: [] },
  logFormat: "text",
  tls: undefined,
  workers: 1,
}
const READY: Ready = { address: { host: "127.0.0.1", port: 4_000 }, admin: undefined, place: "in memory" }

/** What is printed for a hub with these settings. */
function greeted(ready: Partial<Ready>, config: object = {}): [level: Level, message: string, fields?: object][] {
  const lines: [Level, string, object?][] = []
  const log: Logger["log"] = (level, message, fields) =>
    lines.push(fields ? [level, message, fields] : [level, message])
  greet({ ...READY, ...ready }, { ...CONFIG, ...config } as unknown as Config, { log } as Logger)
  return lines
}

test("a hub tells where it listens, and how it is used", () => {
  assert.deepEqual(greeted({}), [
    [
      "info",
      `
  Onward listens on http://127.0.0.1:4000, its log is in memory

  Listen:   curl -N "http://127.0.0.1:4000/events?topic=hello"
  Publish:  curl -d topic=hello -d data=world http://127.0.0.1:4000/publish
`,
    ],
  ])
  const upstreams = [{ url: "https://a.example/v1" }, { url: "https://b.example/v1", prefix: "b", models: "m*" }]
  const [[, text] = []] = greeted(
    { admin: { host: "::", port: 4_001 } },
    { demo: true, workers: 2, tls: { cert: "", key: "" }, gateway: { upstreams } },
  )
  assert.deepEqual(text?.split("\n").slice(1), [
    "  Onward listens on https://127.0.0.1:4000 with 2 workers, its log is in memory",
    "  Admin:    http://127.0.0.1:4001/admin/ui/",
    "",
    '  Listen:   curl -N "https://127.0.0.1:4000/events?topic=hello"',
    "  Publish:  curl -d topic=hello -d data=world https://127.0.0.1:4000/publish",
    "  Ask:      https://127.0.0.1:4000/v1 in place of https://a.example/v1",
    "  Ask:      https://127.0.0.1:4000/b/v1 in place of https://b.example/v1 for m*",
    "",
    "  Or see it work: https://127.0.0.1:4000/",
    "",
  ])
})

const textOf = (line: readonly [Level, string, object?] | undefined): string => `${line?.[0]} ${line?.[1]}`

test("a hub in JSON tells where it listens in fields, and one that is open without authentication warns", () => {
  const address = { host: "0.0.0.0", port: 80 }
  const json = { logFormat: "json", workers: 3 }
  const [told, warned] = greeted({ address, admin: { host: "::1", port: 81 } }, json)
  assert.deepEqual(told, [
    "info",
    "Onward listens on http://0.0.0.0:80 (all addresses of this machine) with 3 workers, its log is in memory",
    { url: "http://127.0.0.1:80", log: "in memory", workers: 3, admin: "http://[::1]:81" },
  ])
  assert.match(textOf(warned), /^warn Every machine that reaches this hub/)
  assert.equal(greeted({ address }, { ...json, auth: {} }).length, 1)
  const onAll = greeted({ address: { host: "::", port: 80 } })
  assert.match(textOf(onAll[1]), /^warn warning: Every machine/)
  assert.match(textOf(onAll[0]), /http:\/\/\[::\]:80 \(all addresses/)
  assert.equal(greeted({ address: { host: "10.0.0.1", port: 80 } }).length, 2)
})

test("a hub that closes tells when, and how to stop it at once", () => {
  const [now, later] = [
    { duration: 1, delay: 0 },
    { duration: 1, delay: 2_500 },
  ]
  assert.equal(closing({ drain: now, logFormat: "json" }), "Closing.")
  assert.equal(closing({ drain: now, logFormat: "text" }), "Closing; once more to stop at once.")
  assert.equal(closing({ drain: later, logFormat: "json" }), "Closing in 2.5 s, /readyz answers 503 until then.")
})

test("a hub that cannot start says what to do, for the hub's port and the admin port", () => {
  const config = { host: "0.0.0.0", port: 80, data: "./data", admin: { host: "127.0.0.1", port: 81 } }
  const explain = (error: object): string => explainStart(Object.assign(new Error("text"), error), config)
  for (const [error, message] of [
    [
      { code: "EADDRINUSE", port: 80 },
      "Port 80 on 0.0.0.0 is in use. Stop the process that listens there, or use another --port.",
    ],
    [
      { code: "EADDRINUSE", port: 81 },
      "Port 81 on 127.0.0.1 is in use. Stop the process that listens there, or use another --admin-port.",
    ],
    [{ code: "EADDRNOTAVAIL" }, "This machine has no address 0.0.0.0. Use another --host."],
    [{ code: "ENOSPC" }, "The disk of ./data is full. Free space, or use another --data."],
    [{ code: "EACCES", syscall: "listen" }, "Port 80 needs elevated privileges. Use --port 1024 or higher."],
    [
      { code: "EPERM", syscall: "listen", port: 81 },
      "Port 81 needs elevated privileges. Use --admin-port 1024 or higher.",
    ],
    [
      { code: "EPERM", syscall: "mkdir" },
      "The folder ./data cannot be written. Change its permissions, or use another --data.",
    ],
    [{ code: "EOTHER", syscall: "open" }, "text"],
  ] as const) {
    assert.equal(explain(error), message)
  }
  const same = { ...config, admin: { host: "127.0.0.1", port: 80 } }
  assert.match(explainStart({ code: "EADDRINUSE", port: 80 }, same), /^Port 80 on 0\.0\.0\.0 .* --port\.$/)
})
