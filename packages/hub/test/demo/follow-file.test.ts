import assert from "node:assert/strict"
import { appendFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { followFile, type Line } from "../../src/demo/follow-file.ts"
import { temporaryFolder } from "../temporary-folder.ts"

/** Takes lines until one is `last`. */
async function take(path: string, last: string, id?: string): Promise<Line[]> {
  const lines: Line[] = []
  const leaving = new AbortController()
  for await (const line of followFile(path, id, leaving.signal)) {
    lines.push(line)
    if (line.data === last) leaving.abort()
  }
  return lines
}

const texts = (lines: readonly Line[]): string[] => lines.map(({ data }) => data)

test("a reader resumes exactly at every id", async (t) => {
  const path = join(temporaryFolder(t), "log")
  const written = ["one", "zwei ä€😀", "", "four", "end"]
  writeFileSync(path, written.map((line) => `${line}\n`).join(""))
  const all = await take(path, "end")
  assert.deepEqual(texts(all), written)
  for (const [i, { id }] of all.slice(0, -1).entries()) {
    assert.deepEqual(await take(path, "end", id), all.slice(i + 1))
  }
})

test("appended lines follow, and an incomplete line waits for its end", async (t) => {
  const path = join(temporaryFolder(t), "log")
  writeFileSync(path, "one\nha")
  const leaving = new AbortController()
  const lines = followFile(path, undefined, leaving.signal)
  assert.equal((await lines.next()).value?.data, "one")
  const next = lines.next()
  appendFileSync(path, "lf\nend\n")
  assert.equal((await next).value?.data, "half")
  assert.equal((await lines.next()).value?.data, "end")
  leaving.abort()
  assert.equal((await lines.next()).done, true)
})

test("a new reader receives the last lines, beginning with a complete one", async (t) => {
  const path = join(temporaryFolder(t), "log")
  const written = Array.from({ length: 1_000 }, (_, i) => `line ${i}`)
  writeFileSync(path, `${written.join("\n")}\n`)
  const got = texts(await take(path, "line 999"))
  assert.ok(got.length > 100 && got.length < 500)
  assert.deepEqual(got, written.slice(-got.length))
})

test("a rotation loses nothing, for a connected reader and for one that reconnects later", async (t) => {
  const path = join(temporaryFolder(t), "log")
  writeFileSync(path, "1\n2\n3\n")
  const leaving = new AbortController()
  const lines = followFile(path, undefined, leaving.signal)
  const first = (await lines.next()).value as Line
  appendFileSync(path, "4\n")
  renameSync(path, `${path}.1`)
  writeFileSync(path, "5\n6\n")
  const rest: (string | undefined)[] = []
  for (let i = 0; i < 5; i++) rest.push((await lines.next()).value?.data)
  assert.deepEqual(rest, ["2", "3", "4", "5", "6"])
  leaving.abort()
  assert.equal((await lines.next()).done, true)
  assert.deepEqual(texts(await take(path, "6", first.id)), ["2", "3", "4", "5", "6"])
})

test("an unknown id starts with the last lines", async (t) => {
  const path = join(temporaryFolder(t), "log")
  writeFileSync(path, "1\nend\n")
  for (const id of ["", "nonsense", "abc.3", "../etc/passwd.1", "1.99999999999999999999"]) {
    assert.deepEqual(texts(await take(path, "end", id)), ["1", "end"])
  }
})
