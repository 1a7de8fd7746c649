import assert from "node:assert/strict"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { inspect } from "node:util"
import { serveOnward } from "../onward.ts"
import { publish } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { ADMIN_KEY, AUTH, bearer, PUBLISH_KEY, SECRET, signToken } from "./tokens.ts"

const TICKET_SECRET = "the secret of tickets has more than thirty-two bytes"

test("a planted secret appears in no log, metric, error or store", async (t) => {
  const data = temporaryFolder(t)
  const file = join(temporaryFolder(t), "onward.yaml")
  const auth = {
    ...AUTH,
    keys: [...(AUTH.keys ?? []), { name: "admin", key: ADMIN_KEY, admin: true }],
    cookie: { name: "token" },
    tickets: { secret: TICKET_SECRET },
  }
  // each request is printed, and written to a file
  const settings = { auth, presence: ["*"], logLevel: "debug", accessLog: join(data, "access.log") }
  writeFileSync(file, JSON.stringify(settings))
  const server = await serveOnward(t, { data, args: ["--config", file] })
  const grants = { onward: { publish: ["a"], subscribe: ["a"] } }
  const good = await signToken(grants)
  const expired = await signToken({ ...grants, exp: 1_000_000 })
  const narrow = await signToken({ onward: {} })
  const wrong = await signToken(grants, "another secret of more than thirty-two bytes")
  const planted = [
    SECRET,
    TICKET_SECRET,
    PUBLISH_KEY,
    ADMIN_KEY,
    good,
    expired,
    narrow,
    wrong,
    "ok_a-wrong-key",
    "not.a.jsonwebtoken",
  ]

  const answers: string[] = []
  const ask = async (path: string, init: RequestInit = {}): Promise<string> => {
    const leaving = new AbortController()
    const response = await fetch(server.url + path, { ...init, signal: leaving.signal })
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true
    const body = isStream ? "" : await response.text()
    leaving.abort()
    answers.push(`${response.status} ${inspect([...response.headers])} ${body}`)
    return body
  }
  const post = (path: string, token: string, fields: Record<string, string>): Promise<string> =>
    ask(path, { method: "POST", headers: bearer(token), body: new URLSearchParams(fields) })

  await publish(server.url, { topic: "a", data: "x" }, bearer(PUBLISH_KEY))
  const tickets: string[] = []
  for (const token of planted) {
    for (const path of ["/events?topic=a", "/presence?topic=a", "/presence/events?topic=a", `/${token}`]) {
      await ask(path, { headers: bearer(token) })
      await ask(path, { headers: { cookie: `token=${token}` } })
    }
    for (const name of ["access_token", "authorization", "token", "ticket"]) {
      await ask(`/events?topic=a&${name}=${encodeURIComponent(token)}`)
    }
    await post("/publish", token, { topic: "a", data: "x" })
    await post("/auth/renew", token, { connection: "unknown" })
    const { ticket } = JSON.parse(await post("/auth/tickets", token, {})) as { readonly ticket?: string }
    if (ticket !== undefined) tickets.push(ticket)
  }
  assert.ok(tickets.length > 0)
  for (const ticket of tickets) for (let i = 0; i < 2; i++) await ask(`/events?topic=a&ticket=${ticket}`)
  await post("/auth/revoke", ADMIN_KEY, { userId: "ada" })
  await ask("/events?topic=a", { headers: bearer(good) })
  const health = await ask("/healthz")
  server.child.kill("SIGTERM")
  await server.ended

  // a ticket is the answer to a request for one, and nowhere else
  const said = answers.filter((answer) => !answer.includes('"ticket":')).join("\n")
  const files = globSync("**/*", { cwd: data }).filter((name) => /\.(?:db|db-wal|log|log\.1)$/.test(name))
  assert.ok(
    files.some((name) => name.includes("control")) && files.some((name) => name.includes("access")),
    files.join(),
  )
  const kept = files.map((name) => readFileSync(join(data, name), "latin1")).join("\n")
  const printed = server.printed()
  assert.ok(printed.length > 10_000 && kept.length > 10_000)
  assert.match(printed, /"?401/)
  for (const secret of [...planted, ...tickets]) {
    // the signature alone would do for an attacker who guesses the rest
    for (const part of [secret, secret.split(".")[2] ?? secret]) {
      for (const [where, text] of Object.entries({ said, kept, printed, health })) {
        assert.ok(!text.includes(part), `${part.slice(0, 40)} is in what was ${where}`)
      }
    }
  }
})
