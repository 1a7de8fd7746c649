import assert from "node:assert/strict"
import { test } from "node:test"
import { OnwardError } from "../../src/errors.ts"
import { encode, type ParsedEvent, type WireMessage } from "../../src/protocol/index.ts"
import { checkBlocks } from "../check-blocks.ts"
import { bytesOf, feed } from "./feed.ts"
import { chance, seed } from "./seed.ts"

const UNITS = [
  "a|b| |0|:|{|}|é|火|🦊|\n|\r|\0|\ufeff|\ufffd|\u2028|\r\n|data: |\nid: 9|\n\n|: ".split("|"),
  "\ud83e",
  "\udd8a",
].flat()

/** Up to nine pieces, as hostile as they come, and now and then long. */
function text(): string {
  const pieces = Array.from({ length: chance.below(10) }, () => chance.pick(UNITS))
  return pieces.join("").repeat(chance.percent(1) ? 100 : 1)
}

const maybe = <T>(make: () => T): T | undefined => (chance.percent(50) ? make() : undefined)

const message = (): WireMessage => ({
  comment: chance.percent(10) ? text() : undefined,
  event: maybe(() => (chance.percent(50) ? text() : "tick")),
  retry: maybe(() => (chance.percent(20) ? chance.next() : chance.below(1e9))),
  id: maybe(() => (chance.percent(50) ? text() : String(chance.below(1e6)))),
  data: maybe(() => (chance.percent(60) ? text() : { [text()]: [text(), chance.below(9), null] })),
})

/** What is lost on the way, and all that is: line ends become LF, halves of surrogate pairs U+FFFD. */
const arriving = (sent: string): string => sent.replace(/\r\n|\r/g, "\n").toWellFormed()

function expected({ event, id, data, retry }: WireMessage): ParsedEvent[] {
  if (data === undefined) {
    return id === undefined && retry === undefined ? [] : [{ event: "stream.checkpoint", id: id ?? "", data: "{}" }]
  }
  return [
    { event: event || "message", id: id ?? "", data: arriving(typeof data === "string" ? data : JSON.stringify(data)) },
  ]
}

test("a message is parsed as it was encoded, or encode refuses it", () => {
  let refusals = 0
  for (let i = 0; i < 20_000; i++) {
    const sent = message()
    const how = `SEED=${seed}, message ${i}: ${JSON.stringify(sent)}`
    try {
      const written = encode(sent)
      checkBlocks(written)
      const { events, retry, lastEventId, comments } = feed([bytesOf(written)])
      assert.deepEqual(events, expected(sent), how)
      assert.equal(retry, sent.retry, how)
      assert.equal(lastEventId, sent.id ?? "", how)
      if (sent.comment !== undefined) assert.equal(comments.join("\n"), arriving(sent.comment), how)
    } catch (error) {
      if (!(error instanceof OnwardError)) throw error
      assert.equal(error.code, "invalid_message", how)
      refusals++
    }
  }
  assert.ok(refusals > 2_000 && refusals < 18_000, `SEED=${seed}, ${refusals} refusals`)
})

test("no field of one message changes the next", () => {
  for (let i = 0; i < 3_000; i++) {
    const sent = message()
    try {
      const { events } = feed([bytesOf(encode(sent) + encode({ event: "after", id: "a", data: "unharmed" }))])
      const how = `SEED=${seed}, message ${i}: ${JSON.stringify(sent)}`
      assert.deepEqual(events, [...expected(sent), { event: "after", id: "a", data: "unharmed" }], how)
    } catch (error) {
      if (!(error instanceof OnwardError)) throw error
    }
  }
})
