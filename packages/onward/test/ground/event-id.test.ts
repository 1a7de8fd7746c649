import assert from "node:assert/strict"
import { test } from "node:test"
import { idFaultOf, idFromHeader, idToHeader, isControlWord, MAX_ID_BYTES } from "../../src/event-id.ts"

test("an id that a client can send back unchanged has no fault", () => {
  const good = [
    "1",
    "größe",
    "東京 🦊",
    "a b",
    "urn:uuid:0d6f",
    "a,b;c=d",
    '"',
    "%20",
    "Ã",
    "\u{fffd}",
    "CREATE",
    "x".repeat(MAX_ID_BYTES),
  ]
  for (const id of good) assert.equal(idFaultOf(id), undefined, JSON.stringify(id))
})

test("an id that changes in transit has a fault, and the fault says which", () => {
  const bad: readonly (readonly [id: unknown, says: RegExp])[] = [
    ["", /non-empty/],
    [7, /non-empty string/],
    [undefined, /non-empty string/],
    ["\tstream.end", /control/],
    [" earliest", /white space/],
    ["a ", /white space/],
    ["\u00a0a", /white space/],
    ["a\u3000", /white space/],
    ["\ufeffa", /white space/],
    ["a\tb", /control/],
    ["a\nb", /control/],
    ["a\0", /control/],
    ["a\u001b[2J", /control/],
    ["a\u007f", /control/],
    ["a\u0085b", /control/],
    ["a\ud83d", /surrogate/],
    ["Ã©", /UTF-8/],
    ["é".repeat(MAX_ID_BYTES / 2 + 1), /4096 bytes/],
    ["x".repeat(3_000_000), /4096 bytes/],
  ]
  for (const [id, says] of bad) assert.match(idFaultOf(id) ?? "no fault", says, JSON.stringify(id)?.slice(0, 40))
  assert.match(idFaultOf("éé", 3) ?? "no fault", /3 bytes/)
})

test("ids for the end, the beginning and all that start with stream. are control words", () => {
  for (const id of ["stream.end", "stream.", "stream.checkpoint", "earliest"]) assert.ok(isControlWord(id), id)
  for (const id of ["streams", "Earliest", "mystream.end", "latest"]) assert.ok(!isControlWord(id), id)
})

test("a header carries an id as UTF-8 bytes, and returns it unchanged", () => {
  for (const id of ["plain", "größe", "東京 🦊", "\u{feff}a", ""]) {
    assert.equal(idToHeader(id), Buffer.from(id).toString("latin1"))
    assert.equal(idFromHeader(idToHeader(id)), id)
  }
})
