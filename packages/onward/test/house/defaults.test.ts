import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { test } from "node:test"

const root = join(import.meta.dirname, "../../../..")
const files = ["onward", "hub"].flatMap((name) => globSync(`packages/${name}/src/**/*.ts`, { cwd: root }).sort())
const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]))

const LITERAL = String.raw`(-?\d[\d_]*(?:\.\d+)?|Infinity|true|"[^"]*")`
/** `name?: type` after a comment that ends with `@default literal`. A default of false needs no code. */
const DOCUMENTED = new RegExp(
  String.raw`@default ${LITERAL}(?![\d_]| ?[KM]iB|,\d)(?![^\n*]*\bMiB)[^\n]*\n?(?:\s*\*[^\n]*\n)*?\s*(?:readonly )?(\w+)\??:`,
  "g",
)
/** The ways in which the code gives a default. */
const GIVEN = [
  String.raw`[{,(]\s*(\w+)(?:: \w+)? = ${LITERAL}`,
  String.raw`\.(\w+) \?\? ${LITERAL}`,
  String.raw`\.(\w+), ${LITERAL}\)`,
  String.raw`[{,]\s*(\w+): ${LITERAL}(?=,)`,
  String.raw`(\w+): setting(?:Or)?\((?:(?!setting)[^])*?\bdefault: ${LITERAL},`,
].map((pattern) => new RegExp(pattern, "g"))

/** Defaults that the code gives in another form: the text that gives each, with `#` for its value. */
const IN_ANOTHER_FORM: Readonly<Record<string, readonly [file: string, text: string]>> = {
  "hub/src/admin/topic-index.ts maxEntries": ["hub/src/admin/topic-index.ts", "const MAX_ENTRIES = #"],
  "hub/src/auth/options.ts maxTokenLifetime": ["hub/src/auth/auth.ts", "const DAY_MS = #"],
  "hub/src/doctor/examine.ts pollTimeout": ["hub/src/doctor/examine.ts", "const SILENCE_MS = #"],
  "hub/src/gateway/kinds.ts heartbeat": ["onward/src/runs/settings.ts", "options.heartbeat, #)"],
  "hub/src/gateway/kinds.ts lease": ["onward/src/runs/settings.ts", "options.lease, #)"],
  "onward/src/client/request.ts maxEventChars": [
    "onward/src/protocol/small-parser.ts",
    "maxEventChars = 16 * 1024 * 1024",
  ],
  "onward/src/client/stream.ts reconnectOnEnd": [
    "onward/src/client/stream.ts",
    "isFinite: options.reconnectOnEnd === false",
  ],
  "onward/src/client/stream.ts repeat": [
    "onward/src/client/stream.ts",
    "SAFE_METHODS.includes(methodOf(request)) ? # :",
  ],
  "onward/src/client/stream.ts whenHidden": ["onward/src/client/stream.ts", 'options.whenHidden !== "pause") return'],
  "onward/src/log/postgres/postgres-log.ts pollInterval": [
    "onward/src/log/postgres/notifications.ts",
    "pollInterval ?? (unlisten ? 1000 :",
  ],
  "onward/src/runs/options.ts flush": ["onward/src/runs/settings.ts", "options.flush?.interval, #)"],
  "onward/src/testing/connect.ts method": ["onward/src/testing/connect.ts", "method = body === undefined ? # :"],
  ...Object.fromEntries(
    ["nats", "postgres", "redis", "sqlite"].map((log) => [
      `onward/src/log/${log}/${log}-log.ts timeout`,
      ["onward/src/log/driver/timeout.ts", "TIMEOUT = #"] as const,
    ]),
  ),
}

interface Given {
  readonly folder: string
  readonly value: string
}

const given = new Map<string, Given[]>()
for (const [file, text] of texts)
  for (const pattern of GIVEN)
    for (const [, name = "", value = ""] of text.matchAll(pattern))
      given.set(name, [...(given.get(name) ?? []), { folder: dirname(file), value: plain(value) }])

const documented = [...texts].flatMap(([file, text]) =>
  [...text.matchAll(DOCUMENTED)].map(([, value = "", name = ""]) => ({ file, name, value: plain(value) })),
)

function plain(literal: string): string {
  return literal.replaceAll("_", "")
}

/** Whether the code beside a doc comment, above it or below it gives its value. */
function isGiven({ file, name, value }: (typeof documented)[number]): boolean {
  const folder = dirname(file)
  const isNear = (other: string): boolean => `${folder}/`.startsWith(`${other}/`) || other.startsWith(`${folder}/`)
  return (given.get(name) ?? []).some((each) => each.value === value && isNear(each.folder))
}

function isShown({ file, name, value }: (typeof documented)[number]): boolean {
  const [code = "", text = ""] = IN_ANOTHER_FORM[`${file} ${name}`.slice("packages/".length)] ?? []
  const whole = plain(texts.get(`packages/${code}`) ?? "")
  return text !== "" && whole.includes(plain(text).replace("#", value))
}

test("each default in a doc comment, and so in docs/reference.md, is the default of the code", () => {
  const wrong = documented.filter((each) => !isGiven(each) && !isShown(each))
  assert.deepEqual(wrong, [])
  assert.ok(documented.length > 120, `only ${documented.length} were read`)
})
