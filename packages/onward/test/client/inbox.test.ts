import assert from "node:assert/strict"
import { test } from "node:test"
import { createInbox } from "../../src/client/inbox.ts"

const over = { done: true, value: undefined }
const item = (value: string) => ({ done: false, value })

test("items are taken in order, whether they or their takers come first, and each is told when it is taken", async () => {
  const taken: string[] = []
  const inbox = createInbox<string>((each) => taken.push(each))
  const waiting = [inbox.next(), inbox.next()]
  inbox.put("a")
  assert.deepEqual([taken, inbox.size], [["a"], 0])
  inbox.put("b")
  inbox.put("c")
  inbox.put("d")
  assert.deepEqual([taken, inbox.size], [["a", "b"], 2])
  assert.deepEqual(await Promise.all([...waiting, inbox.next()]), ["a", "b", "c"].map(item))
  assert.deepEqual([taken, inbox.size], [["a", "b", "c"], 1])
  inbox.put("e")
  assert.deepEqual([await inbox.next(), await inbox.next()], ["d", "e"].map(item))
})

test("there is room when the last item is taken, and not before", async () => {
  const inbox = createInbox<string>(() => {})
  assert.equal(inbox.room(), undefined)
  inbox.put("a")
  inbox.put("b")
  let hasRoom = false
  void inbox.room()?.then(() => (hasRoom = true))
  await inbox.next()
  await Promise.resolve()
  assert.equal(hasRoom, false)
  await inbox.next()
  await Promise.resolve()
  assert.equal(hasRoom, true)
  assert.equal(inbox.room(), undefined)
})

test("an end comes after the items, its error once, and nothing follows", async () => {
  const error = new Error("wrong")
  const inbox = createInbox<string>(() => {})
  inbox.put("a")
  inbox.end({ error })
  inbox.put("late")
  assert.deepEqual(await inbox.next(), item("a"))
  await assert.rejects(inbox.next(), error)
  assert.deepEqual([await inbox.next(), await inbox.next()], [over, over])
  const waited = createInbox<string>(() => {})
  const [first, second] = [waited.next(), waited.next()]
  waited.end({ error })
  await assert.rejects(first, error)
  assert.deepEqual([await second, await waited.next()], [over, over])
})

test("an end at once drops the items, and frees who waits for room", async () => {
  const taken: string[] = []
  const inbox = createInbox<string>((each) => taken.push(each))
  inbox.put("a")
  inbox.put("b")
  await inbox.next()
  const room = inbox.room()
  inbox.end(undefined, true)
  await room
  assert.deepEqual([await inbox.next(), taken, inbox.size], [over, ["a"], 0])
})
