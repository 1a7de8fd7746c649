import assert from "node:assert/strict"
import { test } from "node:test"
import { createRunTopics, isRunId } from "../../src/runs/run-topic.ts"

test("an id has 1 to 512 characters, an owner up to 256, and a prefix up to 128", () => {
  for (const [id, isId] of [
    ["x", true],
    ["x".repeat(512), true],
    ["x".repeat(513), false],
    ["", false],
    ["a/b", true],
    ["a*", false],
    ["a/:b", false],
    ["a\n", false],
    ["\ud800", false],
    [7, false],
  ] as const) {
    assert.equal(isRunId(id), isId, String(id))
  }
  const topics = createRunTopics("p".repeat(128))
  assert.throws(() => createRunTopics("p".repeat(129)), TypeError)
  assert.ok(topics.of("a", { owner: "o".repeat(256) }))
  assert.throws(() => topics.of("a", { owner: "o".repeat(257) }), {
    name: "TypeError",
    message: /text of 257 characters/,
  })
  assert.throws(() => topics.of("a", { owner: 7 as never }), { name: "TypeError", message: /a number/ })
  assert.throws(() => topics.of("", {}), { code: "run_unknown" })
})

test("a topic names its run, and no other topic does", () => {
  const { of, named } = createRunTopics("run/")
  for (const owner of [undefined, "", "ada", "a/b*"]) {
    for (const id of ["a", "a/b", "-/a"]) {
      const place = of(id, { ...(owner !== undefined && { owner }) })
      assert.deepEqual(named(place.topic), place)
    }
  }
  assert.equal(of("a", { owner: "a/b*" }).topic, "stream.run/=a%2Fb%2A/a")
  for (const topic of [
    "",
    "run/-/a",
    "stream.run/",
    "stream.run/-",
    "stream.run/=ada",
    "stream.run/ada/a",
    "stream.runs/-/a",
  ]) {
    assert.equal(named(topic), undefined, topic)
  }
})
