import assert from "node:assert/strict"
import { test } from "node:test"
import type { CheckedMessage } from "../../src/hub/check-published.ts"
import {
  file,
  innerName,
  isEntryOf,
  isOnMany,
  logTopicsOf,
  MANY,
  outerName,
  readLogTopic,
  unfile,
} from "../../src/hub/filing.ts"
import type { Entry, StoredMessage } from "../../src/message.ts"

const PLACE = { position: "life0000~11", time: 7 }
const LONG = "x".repeat(1_025)
const WIDE = "東".repeat(342)
/** The longest name that a log can have. */
const LONGEST = "東".repeat(341)

const read = (message: StoredMessage): Entry => unfile({ ...message, ...PLACE })

const messages: readonly CheckedMessage[] = ["a", "stream.mine", "a*b", "users/:id", LONG, WIDE, LONGEST].flatMap(
  (topic) =>
    [undefined, ["b"], ["stream.other", LONG]].flatMap((also) =>
      [undefined, true as const].flatMap((isPrivate) =>
        [{}, { id: "1" }, { idempotencyKey: "k" }, { id: "1", idempotencyKey: "k", event: "e" }].map((more) => ({
          ...{ topic, data: "one\ntwo", ...more },
          ...(also && { also }),
          ...(isPrivate && { private: isPrivate }),
        })),
      ),
    ),
)

const published = ({ topic, also, ...rest }: CheckedMessage) => ({
  ...rest,
  ...PLACE,
  topic: innerName(topic),
  ...(also && { also: also.map(innerName) }),
})

test("every message is read as it was published, with any fields that a log can express", () => {
  for (const message of messages) {
    for (const scope of ["key", "id and key"] as const) {
      const stored = file(message, scope)
      assert.deepEqual(read(stored), published(message), JSON.stringify(message))
      const { topic, also, private: isPrivate } = message
      const isPlain = !also && !isPrivate && (topic === "a" || topic === LONGEST)
      assert.equal(stored.data === message.data, isPlain, "only what a log cannot express is filed")
      const isMany = also !== undefined || topic === LONG || topic === WIDE
      assert.equal(stored.topic === MANY, isMany)
      assert.equal(isOnMany(published(message)), isMany)
      if (isMany) continue
      assert.ok(logTopicsOf(innerName(topic), isPrivate === true).includes(stored.topic))
      assert.deepEqual(readLogTopic(stored.topic), { topic: innerName(topic), isPrivate: isPrivate === true })
    }
  }
})

test("a repeat that is sent again keeps its id, and is marked, without its id or key in the log", () => {
  for (const message of messages) {
    for (const again of ["without id", "without id and key"] as const) {
      const stored = file(message, "key", again)
      assert.equal(stored.id, undefined)
      const { idempotencyKey: key, ...rest } = published(message)
      // the log is the only one that knows the key of a message on one topic
      const hasKey = key !== undefined && (again === "without id" || stored.topic === MANY)
      assert.deepEqual(read(stored), {
        ...rest,
        ...(hasKey && { idempotencyKey: key }),
        ...(message.id !== undefined && { repeatsId: true }),
      })
      if (again === "without id and key") assert.equal(stored.idempotencyKey, undefined)
      else assert.equal(stored.idempotencyKey === undefined, message.idempotencyKey === undefined)
    }
  }
})

test("keys of messages on several topics differ by topic, privacy and kind, and fit into a log", () => {
  const keyOf = (message: Partial<CheckedMessage>, scope: "key" | "id and key" = "id and key"): string | undefined =>
    file({ topic: "a", also: ["b"], data: "", ...message }, scope).idempotencyKey
  const long = "k".repeat(512)
  const all = [
    keyOf({ idempotencyKey: "1" }),
    keyOf({ idempotencyKey: "1", topic: "c" }),
    keyOf({ idempotencyKey: "1", private: true }),
    keyOf({ id: "1" }),
    keyOf({ idempotencyKey: long }),
    keyOf({ idempotencyKey: `${long.slice(1)}l` }),
    keyOf({ idempotencyKey: long, topic: LONG }),
    keyOf({ idempotencyKey: long, topic: `${LONG.slice(1)}y` }),
    keyOf({ idempotencyKey: long.slice(4) }),
    keyOf({ idempotencyKey: long.slice(2) }),
    keyOf({ idempotencyKey: "🦊".repeat(256) }),
  ]
  assert.equal(new Set(all).size, all.length)
  for (const key of all) assert.ok(key !== undefined && key.length <= 512 && key.isWellFormed(), String(key?.length))
  assert.equal(keyOf({ idempotencyKey: long.slice(3) })?.length, 512, "the longest that is not cut")
  assert.equal(keyOf({ id: "1", idempotencyKey: "1" }), all[0], "a key counts before an id")
  assert.equal(keyOf({ id: "1" }, "key"), undefined, "ids make no repeats")
  assert.equal(keyOf({}), undefined)
})

test("an entry is that of a message by its topic, its privacy, and its key or id", () => {
  const entry: Entry = { ...PLACE, topic: innerName("stream.a"), data: "", id: "1", idempotencyKey: "k" }
  const message: CheckedMessage = { topic: "stream.a", data: "", id: "1", idempotencyKey: "k" }
  for (const [more, scope, expected] of [
    [{}, "key", true],
    [{ topic: "stream.b" }, "key", false],
    [{ private: true }, "key", false],
    [{ idempotencyKey: "l" }, "key", false],
    [{ idempotencyKey: "l" }, "id and key", true],
    [{ idempotencyKey: "l", id: "2" }, "id and key", false],
    [{ id: "2" }, "key", true],
  ] as const) {
    assert.equal(isEntryOf(entry, { ...message, ...more }, scope), expected, JSON.stringify([more, scope]))
  }
  const { id, idempotencyKey, ...bare } = entry
  assert.equal(isEntryOf(bare, { topic: "stream.a", data: "" }, "id and key"), false, "nothing is no id, and no key")
  assert.deepEqual([id, idempotencyKey], ["1", "k"])
})

test("what is not written as a filed message is on no topic", () => {
  const lines = ["{", "[]", "7", '{"t":[]}', '{"t":"a"}', '{"t":[""]}', '{"t":[1]}', '{"t":["a"],"p":2}', "null"]
  const more = ['{"t":["a"],"i":""}', '{"t":["a"],"k":7}', '{"p":1}', ""]
  for (const line of [...lines, ...more]) {
    const entry = read({ topic: MANY, data: `${line}\nx` })
    assert.deepEqual([entry.topic, entry.data], [MANY, `${line}\nx`], line)
  }
  for (const topic of ["stream.*o:", "stream.*p:", "stream.*q:a"])
    assert.equal(read({ topic, data: "\nx" }).topic, MANY)
  assert.equal(read({ topic: "stream.*o:a*", data: "no line" }).topic, MANY)
  assert.deepEqual(read({ topic: "stream.*o:a*", data: "\nx" }), { ...PLACE, topic: "a*", data: "x" })
  // a private message on several topics, of an older process that named its privacy
  assert.equal(read({ topic: MANY, data: '{"t":["a"],"p":1}\n' }).private, true)
})

test("the names of Onward's own topics have no name for users", () => {
  for (const [inner, outer] of [
    ["a", "a"],
    ["stream.presence", undefined],
    ["stream.*o:stream.mine", "stream.mine"],
    ["stream.*p:stream.mine", undefined],
  ] as const) {
    assert.equal(outerName(inner), outer)
    if (outer !== undefined) assert.equal(innerName(outer), inner)
  }
})
