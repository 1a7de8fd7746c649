import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import * as v from "valibot"
import { schema } from "../../src/config/schema.ts"
import { settings } from "../../src/config/settings.ts"
import { formatBytes, formatDuration } from "../../src/config/values.ts"

interface Node {
  readonly type?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8")
/** What editors know of a configuration. */
const published = JSON.parse(read("../../onward.schema.json")) as Node
const page = read("../../../../docs/hub-config.md")

const nodeOf = (path: readonly string[]): Node | undefined =>
  path.reduce<Node | undefined>((node, key) => node?.properties?.[key], published)

/** A configuration with one setting. */
const treeOf = (path: readonly string[], value: unknown): unknown =>
  path.reduceRight<unknown>((below, key) => ({ [key]: below }), value)

const valueAt = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], tree)

/** What a value of a setting is read as; undefined if it is refused. */
function readAs(path: readonly string[], value: unknown): unknown {
  const { success, output } = v.safeParse(schema, treeOf(path, value))
  return success ? valueAt(output, path) : undefined
}

test("each number, time and size is accepted within the limits that editors know, and not beyond", () => {
  let checked = 0
  for (const { name, path } of settings) {
    const node = nodeOf(path)
    const { minimum, maximum } = node?.anyOf?.find(({ type }) => type === "integer") ?? node ?? {}
    if (minimum === undefined || maximum === undefined) continue
    checked++
    for (const value of [minimum, maximum]) {
      assert.equal(readAs(path, value), value, `${name}: ${value}`)
      assert.equal(readAs(path, String(value)), value, `${name}: "${value}"`)
    }
    for (const value of [minimum - 1, maximum + 1, "", "x"])
      assert.equal(readAs(path, value), undefined, `${name}: ${value}`)
  }
  assert.ok(checked > 40, `${checked} settings`)
})

test("each setting has the default that the documentation tells", () => {
  const defaults = v.parse(schema, {})
  for (const { name, path } of settings) {
    const standard = nodeOf(path)?.default
    const expected = standard === undefined ? undefined : readAs(path, standard)
    assert.deepEqual(valueAt(defaults, path), expected, name)
  }
})

test("each setting has the option that the documentation tells, and can be reloaded if it says so", () => {
  for (const { name, option, isReloadable } of settings) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` | `)) ?? ""
    assert.equal(row.split(" | ")[1], option === undefined ? "" : `\`${option}\``, name)
    assert.equal(row.includes("*Reloadable.*"), isReloadable === true, name)
  }
})

test("settings with secrets are known as such", () => {
  assert.deepEqual(
    settings
      .filter(({ isSecret }) => isSecret)
      .map(({ name }) => name)
      .sort(),
    [
      "auth.issuers",
      "auth.keys",
      "auth.tickets.secret",
      "gateway.upstreams",
      "log",
      "mercure.issuers",
      "mercure.publisher.key",
      "mercure.subscriber.key",
      "webhooks",
    ],
  )
})

test("times and sizes are read with their units", () => {
  for (const [text, ms] of [
    ["250", undefined],
    ["1000ms", 1_000],
    ["1.5s", 1_500],
    ["2 m", 120_000],
    ["1w", undefined],
    ["1.0001s", undefined],
  ] as const) {
    assert.equal(readAs(["heartbeat"], text), ms, text)
  }
  for (const [text, bytes] of [
    ["4096", 4_096],
    ["64KiB", 65_536],
    ["1.5 MiB", 1_572_864],
    ["2MB", 2_000_000],
    ["10kB", 10_000],
    ["8192B", 8_192],
    ["1TB", undefined],
  ] as const) {
    assert.equal(readAs(["limits", "bodyBytes"], text), bytes, text)
  }
  assert.equal(readAs(["retention", "bytes"], "2GB"), 2e9)
  assert.equal(readAs(["retention", "bytes"], "1GiB"), 1024 ** 3)
  assert.equal(readAs(["retention", "age"], "7d"), 7 * 86_400_000)
  assert.equal(readAs(["retention", "age"], "36h"), 36 * 3_600_000)
  assert.deepEqual([500, 1_000, 1_500, 60_000, 5_400_000, 172_800_000].map(formatDuration), [
    ...["500ms", "1s", "1500ms", "1m", "90m", "2d"],
  ])
  assert.deepEqual([1, 1_023, 1_024, 1_536, 4 * 1024 ** 2, 1024 ** 3].map(formatBytes), [
    ...["1B", "1023B", "1KiB", "1536B", "4MiB", "1GiB"],
  ])
})

test("a list is read from an array, from YAML, or from text with commas", () => {
  assert.deepEqual(readAs(["presence"], "a, b,,c "), ["a", "b", "c"])
  assert.deepEqual(readAs(["presence"], ["a"]), ["a"])
  assert.equal(readAs(["presence"], [1]), undefined)
  assert.deepEqual([readAs(["demo"], "true"), readAs(["demo"], "false"), readAs(["demo"], false)], [true, false, false])
  for (const value of ["yes", 1]) assert.equal(readAs(["demo"], value), undefined)
})
