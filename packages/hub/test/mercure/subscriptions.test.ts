import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { ask, asking, bearer, DIALECTS, mercureHub, open, tokenOf, type Answer, type Dialect } from "./mercure-hub.ts"

const ROOT = "/.well-known/mercure/subscriptions"
const ID = /^urn:uuid:[\da-f-]{36}$/

interface Document {
  readonly id: string
  readonly type: string
  readonly subscriber: string
  readonly active: boolean
  readonly payload?: unknown
  readonly [name: string]: unknown
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll("*", "%2A").replaceAll("'", "%27").replaceAll("!", "%21")

test("the subscription events and API of a Mercure hub", async (t) => {
  const hub = await mercureHub(t, { subscriptions: true, anonymous: false, grace: "200ms" })
  let count = 0
  const fresh = (): string => `https://example.com/room/${++count}`
  const watcher = {
    0: await tokenOf(0, { subscribe: ["*"] }),
    1: await tokenOf(1, { subscribe: ["*"] }),
  }
  const get = async (dialect: Dialect, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(hub.url + ROOT + path, { headers: { ...bearer(watcher[dialect]), ...headers } })
  const documents = async (dialect: Dialect, path = ""): Promise<Document[]> =>
    (JSON.parse((await get(dialect, path)).text) as { subscriptions: Document[] }).subscriptions

  await t.test("51: connects and disconnects are told in the dialect of the subscriber, privately", async (t) => {
    const watching = await open(t, hub, "topic=*", bearer(watcher[0]))
    await watching.next() // itself
    const ignorant = await open(t, hub, "topic=*", bearer(await tokenOf(0, {})))
    await watching.next()
    for (const dialect of DIALECTS) {
      const room = `${fresh()}/é '!`
      const token = await tokenOf(dialect, { subscribe: [room], payload: { name: "Ada" } })
      const stream = await open(t, hub, asking(dialect, room), bearer(token))
      const joined = await watching.next()
      const told = JSON.parse(joined.data) as Document
      assert.match(told.subscriber, ID)
      const path = dialect === 0 ? `${ROOT}/${encode(room)}` : `${ROOT}/exact/${encode(room)}`
      const id = `${path}/${encode(told.subscriber)}`
      const rest = { subscriber: told.subscriber, active: true, payload: { name: "Ada" } }
      assert.equal(joined.event, dialect === 0 ? "message" : "mercure")
      assert.deepEqual(
        told,
        dialect === 0
          ? { "@context": "https://mercure.rocks/", id, type: "Subscription", topic: room, ...rest }
          : { id, type: "subscription", match_type: "exact", match: room, ...rest },
      )
      stream.close()
      assert.deepEqual(JSON.parse((await watching.next()).data), { ...told, active: false })
    }
    ignorant.close()
    await assert.rejects(ignorant.next())
  })

  await t.test("52: collections list all, one selector or one subscription, with Link and ETag", async (t) => {
    for (const dialect of DIALECTS) {
      const room = fresh()
      const token = await tokenOf(dialect, { subscribe: [room] })
      const streams = [
        await open(t, hub, asking(dialect, room), bearer(token)),
        await open(t, hub, asking(dialect, room, fresh()), bearer(token)),
      ]
      const path = dialect === 0 ? `/${encode(room)}` : `/exact/${encode(room)}`
      const { status, text, headers } = await get(dialect, path)
      assert.equal(status, 200)
      const body = JSON.parse(text) as { id: string; type: string; subscriptions: Document[]; lastEventID?: string }
      const tag = headers.get("etag") ?? ""
      assert.equal(body.id, ROOT + path)
      assert.equal(body.subscriptions.length, 2)
      assert.equal(headers.get("cache-control"), "must-revalidate")
      if (dialect === 0) {
        assert.equal(headers.get("content-type"), "application/ld+json")
        assert.deepEqual([body.type, body.lastEventID], ["Subscriptions", tag])
        assert.doesNotMatch(tag, /"/)
      } else {
        assert.equal(headers.get("content-type"), "application/json")
        assert.equal(body.type, "subscriptions")
        assert.match(tag, /^"[^"]+"$/)
        const link = `</.well-known/mercure>; rel="mercure"; last-event-id=${tag}; type="mercure"; content-type="application/json"`
        assert.equal(headers.get("link"), link)
      }
      assert.equal((await get(dialect, path, { "if-none-match": tag })).status, 304)
      const [first] = body.subscriptions as [Document]
      const one = JSON.parse((await get(dialect, `${path}/${encode(first.subscriber)}`)).text) as Document
      assert.equal(one.subscriber, first.subscriber)
      assert.equal(one.id, first.id)
      assert.ok((await documents(dialect)).length >= 3)
      assert.equal((await get(dialect, `${path}/${encode("urn:uuid:nobody")}`)).status, 404)
      assert.deepEqual(await documents(dialect, dialect === 0 ? "/nothing" : "/exact/nothing"), [])
      assert.equal((await get(dialect, "/%FF")).status, 400)
      assert.equal((await get(dialect, "/a/b/c/d")).status, dialect === 0 ? 404 : 400)
      for (const stream of streams) stream.close()
    }
    assert.equal((await get(1, "/template/x")).status, 400)
  })

  await t.test("53: the payload is that of the first detail that matches the selector", async (t) => {
    const room = fresh()
    const detail = (match: string, payload: unknown): object => ({
      type: "https://mercure.rocks/authorization-detail",
      actions: ["subscribe"],
      topics: [{ match }],
      payload,
    })
    const claims = {
      authorization_details: [detail("other", 1), detail(room, { first: true }), detail("*", "all")],
    }
    await open(t, hub, `match=${room}&match=*&match_urlpattern=/x/:id`, bearer(await tokenOf(1, { claims })))
    const [own] = await documents(1, `/exact/${encode(room)}`)
    assert.deepEqual(own?.payload, { first: true })
    assert.deepEqual((await documents(1, `/exact/${encode("*")}`)).at(-1)?.payload, "all")
    assert.deepEqual((await documents(1, `/urlpattern/${encode("/x/:id")}`))[0]?.payload, "all")
    const other = fresh()
    await open(t, hub, asking(1, other), bearer(await tokenOf(1, { subscribe: [other] })))
    assert.equal("payload" in ((await documents(1, `/exact/${encode(other)}`))[0] as object), false)
  })

  await t.test(
    "54: a client finds itself in the list as soon as its stream is open, as Laravel Echo expects",
    async (t) => {
      const room = fresh()
      const echo = async (name: string): Promise<Awaited<ReturnType<typeof open>>> => {
        const pattern = `${ROOT}/:match_type/${encode(room)}/:subscriber`
        const details = [
          {
            type: "https://mercure.rocks/authorization-detail",
            actions: ["subscribe"],
            topics: [
              { match: room },
              { match: `${ROOT}/exact/${encode(room)}` },
              { match: pattern, match_type: "urlpattern" },
            ],
            payload: { name },
          },
        ]
        const cookie = `__Secure-mercure_access_token=${await tokenOf(1, { claims: { sub: name, authorization_details: details } })}`
        const stream = await open(
          t,
          hub,
          `match=${encodeURIComponent(room)}&match_urlpattern=${encodeURIComponent(pattern)}`,
          { cookie },
        )
        const list = await ask(`${hub.url}${ROOT}/exact/${encode(room)}`, { headers: { cookie } })
        const names = (JSON.parse(list.text) as { subscriptions: Document[] }).subscriptions.map(
          ({ payload }) => (payload as { name: string }).name,
        )
        assert.ok(names.includes(name), `${name} in ${names.join()}`)
        return stream
      }
      const ada = await echo("Ada")
      const told = async (): Promise<Document> => JSON.parse((await ada.next()).data) as Document
      assert.deepEqual((await told()).payload, { name: "Ada" })
      const bob = await echo("Bob")
      const joined = await told()
      assert.deepEqual(
        [joined.match_type, joined.match, joined.active, joined.payload],
        ["exact", room, true, { name: "Bob" }],
      )
      bob.close()
      assert.deepEqual(await told(), { ...joined, active: false })
    },
  )

  await t.test("56: a client that resumes at once keeps its subscriber id, and no event tells of it", async (t) => {
    const room = fresh()
    const token = await tokenOf(1, { subscribe: [room], claims: { sub: "ada" } })
    const watching = await open(t, hub, "topic=*", bearer(watcher[0]))
    await watching.next()
    const stream = await open(t, hub, asking(1, room), bearer(token))
    const { subscriber } = JSON.parse((await watching.next()).data) as Document
    stream.close()
    await sleep(20)
    // another token of the same user, as after an expiry
    const renewed = await tokenOf(1, { subscribe: [room], claims: { sub: "ada", jti: "2" } })
    await open(t, hub, asking(1, room), { ...bearer(renewed), "last-event-id": "earliest" })
    assert.deepEqual(
      (await documents(1, `/exact/${encode(room)}`)).map((each) => each.subscriber),
      [subscriber],
    )
    const other = await open(
      t,
      hub,
      asking(1, room),
      bearer(await tokenOf(1, { subscribe: [room], claims: { sub: "bob" } })),
    )
    assert.notEqual((JSON.parse((await watching.next()).data) as Document).subscriber, subscriber)
    other.close()
  })

  await t.test("57: the API needs a grant for its path", async () => {
    assert.equal((await ask(hub.url + ROOT)).status, 401)
    for (const dialect of DIALECTS) {
      const narrow = await tokenOf(dialect, { subscribe: [`${ROOT}/a`] })
      assert.equal((await ask(hub.url + ROOT, { headers: bearer(narrow) })).status, dialect === 0 ? 401 : 403)
      const exact = await tokenOf(dialect, { subscribe: [ROOT] })
      assert.equal((await ask(`${hub.url + ROOT}?x=1`, { headers: bearer(exact) })).status, 200)
      assert.equal((await ask(hub.url + ROOT, { headers: bearer(`${exact}x`) })).status, 401)
    }
    const template = await tokenOf(0, { subscribe: [`${ROOT}{/topic}{/subscriber}`] })
    assert.equal((await ask(`${hub.url + ROOT}/a`, { headers: bearer(template) })).status, 200)
    const pattern = await tokenOf(1, {
      subscribe: [],
      claims: {
        authorization_details: [
          {
            type: "https://mercure.rocks/authorization-detail",
            actions: ["subscribe"],
            topics: [{ match: `${ROOT}/*`, match_type: "urlpattern" }],
          },
        ],
      },
    })
    assert.equal((await ask(`${hub.url + ROOT}/exact/a`, { headers: bearer(pattern) })).status, 200)
    assert.equal((await ask(hub.url + ROOT, { headers: bearer(pattern) })).status, 403)
  })

  await t.test("58: a client cannot choose its subscriber id, nor publish as one", async (t) => {
    const room = fresh()
    await open(t, hub, `${asking(1, room)}&subscriber=urn:uuid:mine&id=mine`, {
      ...bearer(watcher[1]),
      "onward-connection": "mine",
    })
    const [own] = await documents(1, `/exact/${encode(room)}`)
    assert.match(own?.subscriber ?? "", ID)
    const token = await tokenOf(1, { publish: ["*"] })
    const body = new URLSearchParams({ topic: own?.id ?? "", data: "{}" })
    assert.equal((await ask(hub.hub, { method: "POST", headers: bearer(token), body })).status, 400)
    const body2 = new URLSearchParams({ topic: "a", type: "mercure", data: "{}" })
    assert.equal((await ask(hub.hub, { method: "POST", headers: bearer(token), body: body2 })).status, 400)
  })
})

test("57: without a key for subscribers and with anonymous ones, the API is open", async (t) => {
  const hub = await mercureHub(t, { subscriptions: true, subscriber: undefined, issuers: undefined })
  await open(t, hub, "topic=a")
  const { text } = await ask(`${hub.url}${ROOT}/a`)
  assert.equal((JSON.parse(text) as { subscriptions: unknown[] }).subscriptions.length, 1)
})

test("without the setting, there is no subscription API", async (t) => {
  const hub = await mercureHub(t)
  assert.equal((await ask(hub.url + ROOT, { headers: bearer(await tokenOf(1, { subscribe: ["*"] })) })).status, 404)
})

test("without a token, the path of a collection tells its dialect", async (t) => {
  const anonymous = { subscriptions: true, publisher: undefined, subscriber: undefined, issuers: undefined }
  const hub = await mercureHub(t, anonymous)
  for (const [path, isModern] of [
    ["/exact/a", true],
    ["/urlpattern/a", true],
    ["/other/a", false],
    ["/exact", false],
    ["", false],
  ] as const) {
    const { headers } = await ask(hub.url + ROOT + path)
    assert.equal(headers.has("link"), isModern, path)
  }
})
