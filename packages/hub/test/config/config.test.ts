import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { loadConfig, readFlags, showConfig, type Loaded } from "../../src/config/index.ts"
import { settings } from "../../src/config/settings.ts"
import { temporaryFolder } from "../temporary-folder.ts"

interface Sources {
  readonly file?: string
  readonly env?: Record<string, string>
  readonly args?: readonly string[]
}

/** Loads a configuration from a file with this text, an environment and options. */
async function load(t: TestContext, { file, env = {}, args = [] }: Sources): Promise<Loaded> {
  const path = join(temporaryFolder(t), "hub.yaml")
  if (file !== undefined) writeFileSync(path, file)
  return loadConfig(readFlags([...args, ...(file === undefined ? [] : ["--config", path])]), env)
}

const errorOf = async (t: TestContext, sources: Sources): Promise<string> => {
  const error: unknown = await load(t, sources).then(
    () => assert.fail("it was accepted"),
    (error: unknown) => error,
  )
  assert.ok(error instanceof Error && error.name === "UsageError", String(error))
  return error.message.replaceAll(/\/\S*\/(?=hub\.yaml)/g, "")
}

test("an option overrides a variable, a variable overrides the file, and the file overrides the default", async (t) => {
  const file = "heartbeat: 20s\nlimits:\n  streams: 20\n  topics: 20\n  patterns: 20\n"
  const env = { ONWARD_LIMITS_TOPICS: "30", ONWARD_LIMITS_PATTERNS: "30" }
  const { config, origins } = await load(t, { file, env, args: ["--max-patterns", "40"] })
  const { streams, topics, patterns, headBytes } = config.limits
  assert.deepEqual([streams, topics, patterns, headBytes], [20, 30, 40, 65_536])
  assert.equal(config.heartbeat, 20_000)
  const origin = (name: string): string | undefined => origins.get(name)?.replace(/.*\//, "")
  assert.deepEqual(
    ["heartbeat", "limits.streams", "limits.topics", "limits.patterns", "limits.headBytes"].map(origin),
    ["hub.yaml:1", "hub.yaml:3", "ONWARD_LIMITS_TOPICS", "--max-patterns", undefined],
  )
})

test("every setting has a variable and a key in the file, and all names differ", () => {
  for (const key of ["name", "env", "option"] as const) {
    const names = settings.flatMap((setting) => setting[key] ?? [])
    assert.deepEqual(names, [...new Set(names)])
    for (const name of names)
      assert.match(name, { name: /^[a-zA-Z.]+$/, env: /^ONWARD_[A-Z_]+$/, option: /^--[a-z-]+$/ }[key])
  }
})

/** A value of each setting that differs from its default, as text. */
function sampleOf({ name, expects, isBoolean, default: standard }: (typeof settings)[number]): string {
  const samples: Readonly<Record<string, string>> = {
    log: "memory:",
    trustedProxies: "10.0.0.1",
    publicUrls: "https://a.example",
    "gateway.upstreams": "http://a.example/v1",
    "gateway.origins": "https://a.example",
    "cors.origins": "https://a.example",
    logLevel: "warn",
    logFormat: "text",
    "limits.refuse": "status",
    "auth.cookie.origins": "https://a.example",
    "mercure.enabled": "true",
    "mercure.path": "/hub",
    "mercure.resource": "https://a.example/hub",
    "mercure.dialects": "1",
    "mercure.publishOrigins": "https://a.example",
    "mercure.unknownId": "replay",
    "mercure.repeatedIds": "ignore",
  }
  if (isBoolean && samples[name] === undefined) return String(standard === false && name !== "demo")
  return samples[name] ?? (/^a (number|time|size)/.test(expects) ? "8000" : "some")
}

test("a variable and the file set the same value, for every setting", async (t) => {
  for (const setting of settings.filter(
    ({ name }) =>
      !/^(?:workers|auth\.(?:keys|issuers|permissions|forward|tickets)|mercure\.(?:issuers|.*\.algorithm)|tls|webhooks)/.test(
        name,
      ),
  )) {
    const sample = setting.name.endsWith("Lifetime") ? "1h" : setting.name.endsWith("retries") ? "8" : sampleOf(setting)
    const lonely = /^gateway\.(?!upstreams)/.test(setting.name) ? ["--upstream", "http://a.example"] : []
    const args = ["--insecure", ...lonely]
    const yaml = setting.path.map((key, depth) => `${"  ".repeat(depth)}${key}:`).join("\n")
    const byFile = await load(t, { file: `${yaml} '${sample}'\n`, args })
    const byVariable = await load(t, { env: { [setting.env]: sample }, args })
    const standard = await load(t, { args })
    assert.deepEqual(byFile.config, byVariable.config, setting.name)
    if (setting.name !== "insecure") assert.notDeepEqual(byFile.config, standard.config, setting.name)
  }
})

const mistakes: [sources: Sources, message: RegExp | string][] = [
  [{ file: "prot: 1\n" }, 'There is no setting "prot" (hub.yaml:1). Did you mean "port"?'],
  [{ file: "a: 1\n" }, /^There is no setting "a" \(hub\.yaml:1\)\. Remove it; /],
  [
    { file: "limits:\n  streams: 1\n  stream: 2\n" },
    'There is no setting "limits.stream" (hub.yaml:3). Did you mean "limits.streams"?',
  ],
  [{ file: "streamsPerAddress: 2\n" }, /Did you mean "limits\.streamsPerAddress"\?$/],
  [
    { file: "limits: 3\n" },
    '"limits" has settings of its own (hub.yaml:1). Write them below it, such as limits.streams.',
  ],
  [{ file: "port: 1\nport: 2\n" }, /^hub\.yaml is not valid YAML\. Map keys must be unique/],
  [{ file: "port: [\n" }, /^hub\.yaml is not valid YAML\. /],
  [{ file: "- port\n" }, /^hub\.yaml is not a configuration\. /],
  [{ file: "port: 70000\n" }, "Invalid value for hub.yaml:1: 70000. Use a number from 0 to 65535."],
  [{ file: "port: 1.5\n" }, "Invalid value for hub.yaml:1: 1.5. Use a number from 0 to 65535."],
  [
    { file: "heartbeat: 15 parsecs\n" },
    /^Invalid value for hub\.yaml:1: "15 parsecs"\. Use a time from 1s to 10m, such as /,
  ],
  [{ file: "demo: maybe\n" }, 'Invalid value for hub.yaml:1: "maybe". Use true or false.'],
  [
    { file: "publicUrls: [https://a.example, b]\n" },
    /^Invalid value for hub\.yaml:1 at publicUrls\[1\]: "b"\. Use a URL without a path/,
  ],
  [
    { file: "log: ${NO_SUCH}\n" },
    "The environment variable NO_SUCH is not set (hub.yaml:1). Set it, or write ${NO_SUCH:-default}.",
  ],
  [
    { file: "gateway:\n  upstreams:\n    - ulr: http://a.example\n" },
    /^Unknown key "ulr" at gateway\.upstreams\[0\]\.ulr \(hub\.yaml:2\)\. Did you mean "url"\?/m,
  ],
  [
    { env: { ONWARD_PROT: "1" } },
    "There is no setting for the environment variable ONWARD_PROT. Did you mean ONWARD_PORT?",
  ],
  [
    { env: { ONWARD_LOG_FILE: "/no/such" } },
    /^ONWARD_LOG_FILE names the file \/no\/such, which cannot be read \(ENOENT\)\./,
  ],
  [{ args: ["--config", "/no/such.yaml"] }, /^The configuration file \/no\/such\.yaml cannot be read \(ENOENT\)\. /],
]

for (const [sources, message] of mistakes) {
  test(`${JSON.stringify(sources)} is refused, with advice`, async (t) => {
    const told = await errorOf(t, sources)
    if (typeof message === "string") assert.equal(told, message)
    else assert.match(told, message)
  })
}

test("each invalid value is reported at once, in one line each", async (t) => {
  const told = await errorOf(t, { file: "port: x\nheartbeat: y\n", env: { ONWARD_DEMO: "z" } })
  assert.deepEqual(
    told.split("\n").map((line) => /for (\S+):/.exec(line)?.[1]),
    ["hub.yaml:1", "hub.yaml:2", "ONWARD_DEMO"],
  )
})

test("an unknown ONWARD_ variable is reported, and does not prevent the start", async (t) => {
  const env = { ONWARD_RUNNING_FILES: "x", ONWARD_HUB_ADDRESS: "y", ONWARD_UPSTREAM_KEY: "z", ONWARD_EMPTY: "" }
  assert.deepEqual((await load(t, { env })).ignored, ["ONWARD_RUNNING_FILES", "ONWARD_HUB_ADDRESS"])
})

test("variables of Kubernetes for a service named onward are not settings", async (t) => {
  const env = {
    ONWARD_PORT: "tcp://10.0.0.7:4000",
    ONWARD_SERVICE_HOST: "10.0.0.7",
    ONWARD_SERVICE_PORT: "4000",
    ONWARD_SERVICE_PORT_HTTP: "4000",
    ONWARD_PORT_4000_TCP: "tcp://10.0.0.7:4000",
    ONWARD_PORT_4000_TCP_PROTO: "tcp",
  }
  assert.equal((await load(t, { env })).config.port, 4_000)
})

for (const page of ["hub-config", "hub-operations"]) {
  test(`each YAML example of docs/${page}.md is a valid configuration`, async (t) => {
    const text = readFileSync(new URL(`../../../../docs/${page}.md`, import.meta.url), "utf8")
    const examples = [...text.matchAll(/^ *```yaml\n([^]*?)^ *```$/gm)].map(([, example = ""]) => example)
    assert.ok(examples.length > 0)
    const env = { REDIS_URL: "redis://store:6379", PUBLISH_KEY_HASH: "ab".repeat(32) }
    for (const file of examples) await load(t, { file, env })
  })
}

test("a secret can be read from a file, by a variable and by the configuration file", async (t) => {
  const secret = join(temporaryFolder(t), "secret")
  writeFileSync(secret, "redis://me:pass@store:6379\n")
  const byVariable = await load(t, { env: { ONWARD_LOG_FILE: secret } })
  assert.equal(byVariable.config.log, "redis://me:pass@store:6379")
  const byFile = await load(t, { file: "log: ${STORE}\n", env: { STORE_FILE: secret } })
  assert.equal(byFile.config.log, "redis://me:pass@store:6379")
})

test("${NAME} in the file is replaced by text that is not parsed as YAML", async (t) => {
  const file = "data: ${A}/${B:-b}/$${C}\nport: ${PORT_OF_HUB}\npresence: ['${LIST}']\n"
  const { config } = await load(t, { file, env: { A: "x: [", PORT_OF_HUB: "5000", LIST: "a" } })
  assert.deepEqual([config.data, config.port, config.presence], ["x: [/b/${C}", 5_000, ["a"]])
})

test("authentication is on if one of its settings is set, and its parts are options of createAuth", async (t) => {
  assert.equal((await load(t, {})).config.auth, undefined)
  const file = `auth:
  keys:
    - { name: app, sha256: '\${HASH}', publish: ["*"] }
  anonymous: { subscribe: [public/*] }
  tickets: { secret: '\${SECRET}', expiresIn: 1m }
`
  const env = {
    HASH: "ab".repeat(32),
    SECRET: "s".repeat(32),
    ONWARD_AUTH_ISSUERS: '[{"issuer":"i","audience":"a","secret":"x"}]',
  }
  const { config } = await load(t, { file, env, args: ["--host", "0.0.0.0"] })
  assert.deepEqual(config.auth, {
    keys: [{ name: "app", sha256: "ab".repeat(32), publish: ["*"] }],
    issuers: [{ issuer: "i", audience: "a", secret: "x" }],
    anonymous: { subscribe: ["public/*"] },
    tickets: { secret: "s".repeat(32), expiresIn: 60_000 },
  })
  const told = await errorOf(t, { file: "auth:\n  keys:\n    - name: a\n      sha257: b\n" })
  assert.equal(told, 'Unknown key "sha257" at auth.keys[0].sha257 (hub.yaml:2). Did you mean "sha256"?')
  assert.match(await errorOf(t, { file: "auth:\n  forward:\n    cache: 1s\n" }), /^auth\.forward\.url is missing\./)
})

test("onward config prints an equivalent configuration with the origin of each value, and hides secrets", async (t) => {
  const file = "log: redis://me:s3cret@store:6379\nretention:\n  topic:\n    age: 90m\n"
  const env = { ONWARD_UPSTREAM_KEY: "s3cret", ONWARD_PUBLIC_URLS: "https://a.example,https://b.example" }
  const loaded = await load(t, { file, env, args: ["--upstream", "http://a.example", "--max-body", "8MiB"] })
  const shown = showConfig(loaded)
  assert.ok(!shown.includes("s3cret"), shown)
  assert.match(shown, /^log: redis:\/\/store:6379 # \/\S+hub\.yaml:1$/m)
  assert.match(shown, /^ {4}age: 90m # /m)
  assert.match(shown, /^ {2}bodyBytes: 8MiB # --max-body$/m)
  assert.match(shown, /^publicUrls: \["https:\/\/a\.example","https:\/\/b\.example"\] # ONWARD_PUBLIC_URLS$/m)
  assert.match(shown, /^heartbeat: 15s # default; ONWARD_HEARTBEAT$/m)
  const again = await load(t, { file: shown.replace("(hidden)", "[]"), args: [] })
  assert.deepEqual({ ...again.config, log: "", gateway: "" }, { ...loaded.config, log: "", gateway: "" })
})
