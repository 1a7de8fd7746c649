import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { test, type TestContext } from "node:test"
import { stream } from "onward/client"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running, take } from "./running.ts"

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "onward-example-"))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

for (const example of ["09-express", "10-hono", "11-fastify"]) {
  test(`${example}: posted messages arrive, a client resumes, and SIGTERM ends streams with a reconnection time`, async () => {
    const port = await reservePort()
    await running(new Running(`${example}.ts`, { PORT: String(port) }), async ({ process }) => {
      const url = `http://127.0.0.1:${port}/events`
      const publish = async (body: string): Promise<string> => {
        const headers = { "content-type": "application/x-www-form-urlencoded" } // as curl -d has it
        return ((await (await fetchSoon(url, { method: "POST", headers, body })).json()) as { id: string }).id
      }
      const first = await publish("first")
      const second = await publish("second")
      const response = await fetch(url, { headers: { "last-event-id": first } })
      let text = ""
      for await (const chunk of response.body ?? []) {
        const part = Buffer.from(chunk).toString()
        if (part.includes(`id: ${second}\ndata: second`)) process.kill("SIGTERM")
        text += part
      }
      assert.match(text, /\ndata: second\n\n(?:[^]*\n)?event: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
      if (process.exitCode === null) await once(process, "exit")
      assert.equal(process.exitCode, 0)
    })
  })
}

test("12: a user known by cookie or token receives permitted topics only, also when permissions change before a reconnect", async () => {
  const port = await reservePort()
  await running(new Running("12-users.ts", { PORT: String(port) }), async () => {
    const url = `http://127.0.0.1:${port}/`
    const cookie = { cookie: "theme=dark; session=cookie-of-ada" }
    const token = { authorization: "Bearer token-of-bob" }
    const publish = async (topic: string): Promise<string> =>
      (await fetchSoon(`${url}${topic}`, { method: "POST", headers: token })).text()

    for (const headers of [{}, { cookie: "session=guessed" }, { ...cookie, authorization: "Bearer guessed" }])
      assert.equal((await fetchSoon(url, { headers })).status, 401)

    const start = await publish("user/ada")
    const ids = { own: await publish("user/ada"), other: await publish("user/bob"), team: await publish("team/red") }
    const ada = stream(url, { headers: cookie, lastEventId: start, retry: { base: 1 } })
    const bob = stream(url, { headers: token, lastEventId: start })
    assert.deepEqual([(await ada.next()).value?.id, (await ada.next()).value?.id], [ids.own, ids.team])
    assert.deepEqual([(await bob.next()).value?.id, (await bob.next()).value?.id], [ids.other, ids.team])

    await fetch(`${url}team/red`, { method: "DELETE", headers: cookie })
    const later = { team: await publish("team/red"), own: await publish("user/ada") }
    assert.equal((await ada.next()).value?.id, later.own)
    assert.equal((await bob.next()).value?.id, later.team)
    // an id from when she was in the team opens nothing
    const again = stream(url, { headers: cookie, lastEventId: ids.own })
    assert.equal((await again.next()).value?.id, later.own)
    for (const events of [ada, bob, again]) events.close()
  })
})

test("13: lines of a log arrive as they are written, and a client resumes at the byte", async (t) => {
  const file = join(await folderFor(t), "app.log")
  await writeFile(file, "one\ngröße\nhal")
  const port = await reservePort()
  await running(new Running("13-log-tail.ts", { PORT: String(port), FILE: file }), async () => {
    const url = `http://127.0.0.1:${port}/`
    const response = await fetchSoon(url)
    const all = take(response, 4)
    const [first] = await take(await fetch(url), 1)
    assert.deepEqual(first, { event: "message", data: "one", id: "4" })
    await appendFile(file, "f\nlast\n")
    assert.deepEqual(
      (await all).map(({ data }) => data),
      ["one", "größe", "half", "last"],
    )
    const rest = await take(await fetch(url, { headers: { "last-event-id": "4" } }), 3)
    assert.deepEqual(
      rest.map(({ data }) => data),
      ["größe", "half", "last"],
    )
    await writeFile(file, "anew\n")
    const [anew] = await take(await fetch(url, { headers: { "last-event-id": rest[2]?.id ?? "" } }), 1)
    assert.deepEqual(anew, { event: "message", data: "anew", id: "5" })
  })
})

const nginx = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"]
  .map((folder) => join(folder, "nginx"))
  .find((path) => existsSync(path))

test(
  "14: a live feed arrives through nginx, and resumes",
  { skip: nginx === undefined && "nginx is missing: `npm test` installs it on Debian, as root" },
  async (t) => {
    const folder = await folderFor(t)
    const [app, front] = [await reservePort(), await reservePort()]
    const example = await readFile(new URL("../14-nginx.conf", import.meta.url), "utf8")
    const here = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    )
    const config = example
      .replace("127.0.0.1:3000", `127.0.0.1:${app}`)
      .replace("listen 8080", `listen 127.0.0.1:${front}`)
      .replace("http {", `http { access_log off; ${here.join(" ")}`)
    await writeFile(join(folder, "nginx.conf"), config)
    const args = [
      "-p",
      folder,
      "-c",
      join(folder, "nginx.conf"),
      "-e",
      "stderr",
      "-g",
      `daemon off; pid ${folder}/pid;`,
    ]
    const child = spawn(nginx as string, args, { stdio: ["ignore", "ignore", "inherit"] })
    try {
      await running(new Running("01-hello.ts", { PORT: String(app) }), async () => {
        await fetchSoon(`http://127.0.0.1:${app}/`, { method: "HEAD" })
        const url = `http://127.0.0.1:${front}/`
        const [first, second] = await take(await fetchSoon(url), 2)
        assert.equal(first?.event, "tick")
        const [again] = await take(await fetch(url, { headers: { "last-event-id": first.id } }), 1)
        assert.deepEqual(again, second)
      })
    } finally {
      child.kill()
      if (child.exitCode === null) await once(child, "exit")
    }
  },
)

test("18: events that a tRPC procedure publishes arrive on the stream beside it, and a client resumes", async () => {
  const port = await reservePort()
  await running(new Running("18-trpc.ts", { PORT: String(port) }), async () => {
    const origin = `http://127.0.0.1:${port}`
    const say = async (text: string): Promise<string> => {
      const headers = { "content-type": "application/json" }
      const response = await fetchSoon(`${origin}/trpc/say`, { method: "POST", headers, body: JSON.stringify(text) })
      return ((await response.json()) as { result: { data: string } }).result.data
    }
    const lastEventId = await say("first")
    const id = await say("second")
    const [event] = await take(await fetch(`${origin}/events`, { headers: { "last-event-id": lastEventId } }), 1)
    assert.deepEqual(event, { event: "message", data: "second", id })
  })
})

interface Leaving {
  readonly path?: string
  readonly headers?: Record<string, string>
  /** Asked first. */
  readonly before?: readonly [method: string, path: string]
  /** What the stream holds once it is certain to be open. */
  readonly has: string
  /** Whether a hub closes it, which tells each client when to reconnect. */
  readonly isHubs?: boolean
}

const LEAVING: Readonly<Record<string, Leaving>> = {
  "01-hello": { has: "event: tick", isHubs: true },
  "03-notifications": { path: "/?user=ada", has: "stream.checkpoint", isHubs: true },
  "04-own-source": { has: "data: Every" },
  "12-users": { headers: { authorization: "Bearer token-of-bob" }, has: "stream.checkpoint", isHubs: true },
  "13-log-tail": { has: "data: a line" },
  "18-trpc": { path: "/events", has: "stream.checkpoint", isHubs: true },
  "19-runs": { path: "/runs/one", before: ["PUT", "/runs/one"], has: "data: " },
}

for (const [example, { path = "/", headers = {}, before, has, isHubs = false }] of Object.entries(LEAVING)) {
  test(`${example}: SIGTERM ends its streams without stream.end, so that clients reconnect, and the process exits`, async (t) => {
    const port = await reservePort()
    const file = join(await folderFor(t), "file")
    if (example === "13-log-tail") await writeFile(file, "a line\n")
    await running(new Running(`${example}.ts`, { PORT: String(port), FILE: file }), async ({ process }) => {
      const origin = `http://127.0.0.1:${port}`
      if (before) assert.equal((await fetchSoon(origin + before[1], { method: before[0] })).status, 200)
      const response = await fetchSoon(origin + path, { headers })
      let text = ""
      let isAsked = false
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString()
        // a second one would not be handled
        if (!isAsked && text.includes(has)) isAsked = process.kill("SIGTERM")
      }
      if (process.exitCode === null) await once(process, "exit")
      assert.equal(process.exitCode, 0)
      assert.doesNotMatch(text, /stream\.(?:end|error)/)
      if (isHubs) assert.match(text, /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
    })
  })
}
