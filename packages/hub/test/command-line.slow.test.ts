import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { readCommandLine, usage } from "../src/command-line.ts"
import { loadConfig, type Config } from "../src/config/index.ts"
import { makeCertificate } from "./certificate.ts"
import { runOnward, serveOnward } from "./onward.ts"
import { publish } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const DEFAULTS = {
  port: 4000,
  host: "127.0.0.1",
  data: "./data",
  log: "sqlite:data/events.db",
  workers: 1,
  drain: { duration: 500, delay: 0 },
  demo: true,
  accessLog: "data/access.log",
}

const gateway = (...upstreams: object[]): object => ({ gateway: { upstreams, origins: [] } })

/** The configuration that `onward serve` with these options runs with. */
async function load(args: readonly string[], env: Record<string, string> = {}): Promise<Config> {
  const command = readCommandLine(args)
  assert.ok("flags" in command, "it reads a configuration")
  return (await loadConfig(command.flags, env)).config
}

const understood: [args: string, env: Record<string, string>, config: object][] = [
  ["serve", {}, DEFAULTS],
  ["serve", { PORT: "5000" }, { port: 5000 }],
  ["serve", { PORT: "" }, DEFAULTS],
  ["serve", { PORT: "5000", ONWARD_PORT: "5001" }, { port: 5001 }],
  ["serve --port 6000", { PORT: "5000" }, { port: 6000 }],
  ["serve --port=0 --data=/tmp/x", {}, { port: 0, data: "/tmp/x", log: "sqlite:/tmp/x/events.db" }],
  ["serve --log memory:", { ONWARD_LOG: "sqlite:x" }, { log: "memory:" }],
  ["serve", { ONWARD_LOG: "sqlite:x" }, { log: "sqlite:x" }],
  ["serve --publish-rate 0", {}, { limits: { publishRate: 0 } }],
  ["serve --workers 3 --drain 0", {}, { workers: 3, drain: { duration: 0, delay: 0 }, demo: false }],
  ["serve --host 0.0.0.0 --insecure", {}, { host: "0.0.0.0", demo: false, drain: { duration: 10_000, delay: 5_000 } }],
  ["serve --public-url https://a.example", {}, { demo: true, drain: { duration: 10_000, delay: 5_000 } }],
  ["serve --host 0.0.0.0 --insecure", { LISTEN_FDS: "1" }, { drain: { duration: 10_000, delay: 0 } }],
  ["serve --host 0.0.0.0 --demo --insecure", {}, { host: "0.0.0.0", demo: true }],
  ["serve --host localhost", {}, { host: "localhost", demo: true }],
  ["serve --host 127.1.2.3", {}, { host: "127.1.2.3", demo: true }],
  ["serve --host ::1", {}, { host: "::1", demo: true }],
  ["serve --no-demo", {}, { demo: false }],
  [
    "serve --retention-age 7d --retention-bytes 4GiB --retention-topic-count 1000",
    {},
    { retention: { age: 604_800_000, bytes: 4 * 1024 ** 3, topic: { count: 1_000 } } },
  ],
  [
    "serve --heartbeat 20s --stall-timeout 1m --max-stream-age 1h --keep-alive 90s --drain 20s --drain-delay 1500",
    {},
    {
      heartbeat: 20_000,
      stallTimeout: 60_000,
      maxStreamAge: 3_600_000,
      keepAlive: 90_000,
      drain: { duration: 20_000, delay: 1_500 },
    },
  ],
  ["serve --upstream http://127.0.0.1:11434/v1/", {}, gateway({ url: "http://127.0.0.1:11434/v1/" })],
  [
    "serve --upstream=https://api.example/v1",
    { ONWARD_UPSTREAM_KEY: "sk" },
    gateway({ url: "https://api.example/v1", key: "sk" }),
  ],
  [
    "serve --upstream https://a.example/v1 --upstream claude-*=https://b.example/v1 --upstream /c=http://c.example",
    { ONWARD_UPSTREAM_KEY: "1", ONWARD_UPSTREAM_KEY_3: "3" },
    gateway(
      { url: "https://a.example/v1", key: "1" },
      { url: "https://b.example/v1", models: "claude-*" },
      { url: "http://c.example/", key: "3", prefix: "c" },
    ),
  ],
  [
    "serve --upstream http://a.example --upstream-head-after 0 --upstream-max-answer 2048 --upstream-origin https://b.example",
    {},
    {
      gateway: {
        upstreams: [{ url: "http://a.example/" }],
        limits: { headAfter: 0, answerBytes: 2_048 },
        origins: ["https://b.example"],
      },
    },
  ],
  [
    "serve --trusted-proxy 127.0.0.1 --trusted-proxy=2001:db8::/32 --public-url https://A.example/ --public-url http://b.example:80",
    {},
    {
      trustedProxies: ["127.0.0.1", "2001:db8::/32"],
      publicUrls: ["https://a.example", "http://b.example"],
    },
  ],
  [
    "serve --max-streams 1 --max-streams-per-address 2 --max-topics 3 --max-patterns 4 --max-pattern-memory 10000 --max-patterns-per-address 5 --max-presence-streams 6 --max-body 7000 --max-bodies 8000 --max-head 9000 --refuse status",
    {},
    {
      limits: {
        streams: 1,
        streamsPerAddress: 2,
        topics: 3,
        patterns: 4,
        patternBytes: 10_000,
        patternsPerAddress: 5,
        presenceStreams: 6,
        bodyBytes: 7_000,
        bodiesBytes: 8_000,
        headBytes: 9_000,
        refuse: "status",
      },
    },
  ],
  ["serve --presence room/* --presence=lobby", {}, { presence: ["room/*", "lobby"] }],
]

for (const [args, env, config] of understood) {
  test(`"onward ${args}" is accepted with ${JSON.stringify(env)}`, async () => {
    assert.partialDeepStrictEqual(await load(args.split(" "), env), config)
  })
}

const others: [args: string, command: object][] = [
  ["--help", { name: "help", text: usage() }],
  ["serve -h", { name: "help", text: usage() }],
  ["--version", { name: "version" }],
]

for (const [args, command] of others) {
  test(`"onward ${args}" is accepted`, () => assert.deepEqual(readCommandLine(args.split(" ")), command))
}

const refused: [args: string[], message: RegExp][] = [
  [[], /^A command is missing\. Use onward serve/],
  [["serv"], /^There is no command "serv"\. Did you mean serve\?$/],
  [["frobnicate"], /^There is no command "frobnicate"\. onward --help/],
  [["publish"], /^The topic is missing\. Use onward publish/],
  [["serve", "now"], /takes options only, not "now"/],
  [["doctor"], /The URL of a stream is missing\. Use onward doctor http/],
  [["doctor", "localhost:4000"], /"localhost:4000" is not an http or https URL\. Use /],
  [["doctor", "http://a", "b"], /takes one URL, not "b" too\./],
  [["doctor", "http://a", "--header", "b"], /--header "b" is invalid\. Use /],
  [["doctor", "http://a", "--lisen", "1"], /^There is no option "--lisen"\. Did you mean --listen\?$/],
  [["serve", "--prot", "1"], /^There is no option "--prot"\. Did you mean --port\?$/],
  [
    ["serve", "--upstream-retries", "1"],
    /^--upstream-retries needs an upstream\. Set --upstream or gateway\.upstreams too\.$/,
  ],
  [["serve", "--upstream", "/v1=http://a"], /^Invalid value for --upstream .*: \(hidden\)\. Use a model, /],
  [["serve", "--upstream", "a*b=http://a"], /^Invalid value for --upstream .*Use a model, the beginning of models/],
  [
    ["serve", "--upstream", "http://a", "--upstream-origin", "https://a.example/"],
    /^Invalid value for --upstream-origin .*"https:\/\/a\.example\/"\. Use an origin, such as/,
  ],
  [
    ["serve", "--upstream", "http://a", "--upstream-idle-timeout", "0"],
    /--upstream-idle-timeout: "0"\. Use a time from 1ms/,
  ],
  [["serve", "--dta=x"], /Did you mean --data\?/],
  [["serve", "-x"], /There is no option "-x"/],
  [["serve", "--port"], /^--port needs a value\. onward --help/],
  [["serve", "--demo=yes"], /^--demo is not used like this/],
  [["serve", "--port", "http"], /^Invalid value for --port: "http"\. Use a number from 0 to 65535\.$/],
  [["serve", "--port", "65536"], /^Invalid value for --port/],
  [["serve", "--port", "-1"], /--port is not used like this/],
  [["serve", "--data", ""], /^--data is empty\./],
  [["serve", "--log", "mysql://root:secret@x/y"], /^Invalid value for --log: "mysql:\/\/x\/y"\. Use sqlite:<path>, /],
  [["serve", "--log", "sqlite:"], /^Invalid value for --log/],
  [
    ["serve", "--log", "redis://10.0.0.1:99999"],
    /^Invalid value for --log: "redis:\/\/10\.0\.0\.1:99999"\. Use a valid host/,
  ],
  [["serve", "--log", "nats://me:5%@host"], /^Invalid value for --log: "nats:\/\/host"\. .*%25/],
  [["serve", "--workers", "0"], /^Invalid value for --workers: "0"\. Use a number from 1 to 256/],
  [["serve", "--workers", "2", "--log", "memory:"], /^--workers needs a log that processes share/],
  [["serve", "--workers", "2", "--demo"], /Leave out --workers\.$/],
  [
    ["serve", "--trusted-proxy", "proxy.example"],
    /^Invalid value for --trusted-proxy .*"proxy\.example"\. Use an IP address or a network/,
  ],
  [["serve", "--trusted-proxy", "10.0.0.0/40"], /"10\.0\.0\.0\/40"\. Use an IP/],
  [["serve", "--public-url", "events.example.com"], /"events\.example\.com"\. Use a URL without a path, /],
  [["serve", "--public-url", "https://a.example/hub"], /Use a URL without a path/],
  [["serve", "--public-url", "https://me@a.example"], /Use a URL without a path/],
  [["serve", "--max-streams", "0"], /^Invalid value for --max-streams: "0"\. Use a number from 1 to 10000000\.$/],
  [["serve", "--refuse", "hard"], /^Invalid value for --refuse: "hard"\. Use soft or status\.$/],
  [["serve", "--host", "0.0.0.0"], /^--host 0\.0\.0\.0 opens the hub to other machines, .* or add --insecure\.$/],
  [["serve", "--host", "::"], /^--host :: opens the hub/],
  [["serve", "--host", "192.168.0.9"], /^--host 192\.168\.0\.9 opens the hub/],
  [["serve", "--host", "hub.example", "--no-insecure"], /^--host hub\.example opens the hub/],
  [["serve", "--presence", ""], /^--presence is empty/],
  [["serve", "--presence"], /--presence needs a value/],
  [["serve", "--upstream", "api.example"], /Use a base URL/],
  [["serve", "--upstream", "https://a.example/v1?key=1"], /Use a base URL/],
  [["serve", "--upstream", "https://:sk@a.example/v1"], /Use a URL without a key/],
  [["serve", "--admin-port", "4000"], /^--admin-port is the port of the hub itself, 4000\. Choose another port\.$/],
]

for (const [args, message] of refused) {
  test(`"onward ${args.join(" ")}" is refused in one line`, async () => {
    await assert.rejects(
      async () => load(args),
      (error: Error) => {
        assert.equal(error.name, "UsageError")
        assert.match(error.message, message)
        return !error.message.includes("\n")
      },
    )
  })
}

/** What a terminal shows. */
const TEXT = ["--log-format", "text"]

test("an invalid command line ends with exit code 2", async (t) => {
  const onward = runOnward(t, ["serve", "--prot", "1"])
  assert.equal(await onward.ended, 2)
  assert.equal(onward.printed(), 'onward: There is no option "--prot". Did you mean --port?\n')
})

test("an invalid pattern is one line and exit code 2", async (t) => {
  const onward = runOnward(t, ["serve", "--port", "0", "--data", temporaryFolder(t), "--presence", "room/**"])
  assert.equal(await onward.ended, 2)
  assert.match(onward.printed(), /^onward: --presence: a pattern knows [^\n]*\n$/)
})

test("a busy port is one line and exit code 1", async (t) => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const onward = runOnward(t, ["serve", "--port", String(port), "--data", temporaryFolder(t)])
  assert.equal(await onward.ended, 1)
  assert.match(
    onward.printed(),
    new RegExp(`^onward: Port ${port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*--port[^\\n]*\\n$`),
  )
})

test("a busy admin port is one line that names its option", async (t) => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const data = temporaryFolder(t)
  const onward = runOnward(t, ["serve", "--port", "0", "--admin-port", String(port), "--data", data])
  assert.equal(await onward.ended, 1)
  assert.match(
    onward.printed(),
    new RegExp(`^onward: Port ${port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*--admin-port\\.\\n$`),
  )
})

test("onward check reports a certificate that cannot be used, and prints how many settings are set", async (t) => {
  const folder = temporaryFolder(t)
  const { cert, key } = makeCertificate(folder)
  const [good, bad] = [
    runOnward(t, ["check", "--tls-cert", cert, "--tls-key", key]),
    runOnward(t, ["check", "--tls-cert", key, "--tls-key", key]),
  ]
  assert.deepEqual([await good.ended, await bad.ended], [0, 2])
  assert.match(good.printed(), /^The configuration is valid: .* 2 settings are set\.\n$/)
  assert.match(bad.printed(), /^onward: The certificate .* cannot be used: .* Check tls\.cert and tls\.key\.\n$/)
})

test("a data folder that cannot be created is one line and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, "file")
  writeFileSync(file, "")
  for (const data of [file, join(file, "below")]) {
    const onward = runOnward(t, ["serve", "--port", "0", "--data", data])
    assert.equal(await onward.ended, 1)
    assert.match(onward.printed(), /^onward: [^\n]*(?:is a file|cannot be a folder)[^\n]*--data\.\n$/)
  }
})

test("a data folder that cannot be written is one line and exit code 1", async (t) => {
  // the superuser may write everywhere but where the kernel itself says no
  const isRoot = process.getuid?.() === 0
  const folder = isRoot ? "/sys/kernel" : join(temporaryFolder(t), "read-only")
  mkdirSync(folder, { recursive: true, mode: 0o500 })
  for (const data of [join(folder, "below"), ...(isRoot ? [] : [folder])]) {
    const onward = runOnward(t, ["serve", "--port", "0", "--data", data])
    assert.equal(await onward.ended, 1)
    assert.match(onward.printed(), /^onward: [^\n]*cannot be written[^\n]*\n$/)
  }
})

test("a log whose folder cannot be created is one line that names it, and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, "file"), "")
  const path = join(folder, "file", "events.db")
  const onward = runOnward(t, ["serve", "--port", "0", "--data", folder, "--log", `sqlite:${path}`])
  assert.equal(await onward.ended, 1)
  const line = `onward: log ${path}: its folder cannot be made (EEXIST): choose another path (log_unavailable)\n`
  assert.equal(onward.printed(), line)
})

test("an invalid log address in the environment is reported with the name of its variable", async (t) => {
  const onward = runOnward(t, ["serve"], { ONWARD_LOG: "events.db" })
  assert.equal(await onward.ended, 2)
  assert.match(onward.printed(), /^onward: Invalid value for ONWARD_LOG: "events\.db"\. Use sqlite:<path>, [^\n]*\n$/)
})

test("a damaged log is one line with its code and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, "events.db"), "this is no database, however long it may be. ".repeat(100))
  const onward = runOnward(t, ["serve", "--port", "0", "--data", folder])
  assert.equal(await onward.ended, 1)
  assert.match(onward.printed(), /^onward: log [^\n]*\(log_corrupt\)\n$/)
})

for (const host of ["0.0.0.0", "::"]) {
  test(`started on ${host}, it says that it listens on all addresses`, async (t) => {
    const { printed, port } = await serveOnward(t, {
      data: temporaryFolder(t),
      args: ["--host", host, "--insecure", ...TEXT],
    })
    const address = host === "::" ? "[::]" : host
    assert.ok(
      printed().includes(`Onward listens on http://${address}:${port} (all addresses of this machine), its log is `),
      printed(),
    )
    // on standard error, which may arrive later
    while (!printed().includes("onward: warning: Every machine that reaches this hub can read and publish"))
      await sleep(20)
    // what follows is to be pasted into a terminal of this machine
    assert.ok(printed().includes(`curl -d topic=hello -d data=world http://127.0.0.1:${port}/publish`), printed())
  })
}

test("a hub that other machines can reach does not start by accident", async (t) => {
  const onward = runOnward(t, ["serve", "--host", "0.0.0.0", "--port", "0", "--data", temporaryFolder(t)])
  assert.equal(await onward.ended, 2)
  assert.match(onward.printed(), /^onward: --host 0\.0\.0\.0 opens the hub [^\n]*--insecure\.\n$/)
})

test("the printed example commands work", async (t) => {
  const onward = await serveOnward(t, { data: temporaryFolder(t), args: TEXT })
  const listen = /curl -N "([^"]+)"/.exec(onward.printed())?.[1] ?? ""
  assert.equal(listen, `${onward.url}/events?topic=hello`)
  assert.ok(onward.printed().includes(`curl -d topic=hello -d data=world ${onward.url}/publish\n`))
  const response = await fetch(listen)
  await publish(onward.url, { topic: "hello", data: "world" })
  let text = ""
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (text.includes("data: world\n\n")) break
  }
})

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} ends it with exit code 0, including open streams`, async (t) => {
    const onward = await serveOnward(t, { data: temporaryFolder(t) })
    const streams = await Promise.all(["/events?topic=a", "/demo/log"].map((path) => fetch(onward.url + path)))
    onward.child.kill(signal)
    const texts = await Promise.all(streams.map((stream) => stream.text()))
    assert.match(
      texts[0] ?? "",
      /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/,
      "told when to come back",
    )
    assert.ok(!texts[1]?.includes("stream.end"), "the file goes on, so the reader comes back")
    assert.equal(await onward.ended, 0)
  })
}
