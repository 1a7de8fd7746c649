import assert from "node:assert/strict"
import { test } from "node:test"
import { readCommandLine, usage } from "../src/command-line.ts"
import { loadConfig, type Config } from "../src/config/index.ts"

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

test("a backup and its restore take one file", () => {
  for (const name of ["backup", "restore"]) {
    assert.partialDeepStrictEqual(readCommandLine([name, "a.db", "--data", "x"]), { name, file: "a.db" })
    assert.throws(() => readCommandLine([name]), { message: `The file is missing. Use onward ${name} <file>.` })
    assert.throws(() => readCommandLine([name, "a", "b"]), {
      message: `onward ${name} takes one file, not "b". Leave it out.`,
    })
  }
})

test("commands about tokens and running hubs are read by their own tables", () => {
  assert.partialDeepStrictEqual(readCommandLine(["token", "check", "t"]), { name: "token check", token: "t" })
  assert.deepEqual(readCommandLine(["token", "--help"]), { name: "help", text: usage() })
  assert.partialDeepStrictEqual(readCommandLine(["publish", "topic", "data"]), { name: "client" })
  const help = readCommandLine(["tail", "--help"]) as { text: string }
  assert.match(help.text, /^Usage: onward tail [^\n]+ \[options\]\n/)
})

test("the help lists each command, and each option with its value and its default, in lines that fit a terminal", () => {
  const lines = usage().split("\n")
  for (const [first, ...rest] of [
    ["Usage: onward serve [options]           starts a hub"],
    ["       onward tail <topic…>             prints the events of topics and patterns as they arrive"],
    ["  --port <number>   The port to listen on; 0 takes any free port. [4000]"],
    ["  --data <data>     The folder for files; created if it is missing. [./data]"],
    ["  --retention-age <time>", "                    How long the log keeps an entry."],
    ["  --retention-bytes <size>", "                    Maximum size of the entries that the log keeps."],
    ["  --admin-host <host>", "                    The address of the admin port. [127.0.0.1]"],
    ["  --demo            "],
  ] as const) {
    const at = lines.findIndex((line) => line.startsWith(first))
    assert.ok(at >= 0, first)
    assert.deepEqual(lines.slice(at + 1, at + 1 + rest.length), rest)
  }
  assert.ok(lines.filter((line) => line.startsWith("  ")).every((line) => line.length <= 118))
  const { text } = readCommandLine(["tail", "-h"]) as { text: string }
  assert.ok(
    text.startsWith(`Usage: onward tail <topic…> [options]
       onward sub <topic…> [options]

Prints the events of topics and patterns as they arrive, and resumes after lost connections. Patterns contain
* or :name.

  --since <time>      Starts with the events of this time, such as 10m, or since an ISO 8601 time.
`),
  )
  const short = "\n  -c, --count <number>\n                      Ends after this many events.\n"
  assert.ok(text.includes(short))
  assert.ok(text.includes("\n  --url <url>         The hub. ONWARD_URL sets it too. [http://127.0.0.1:4000]\n"))
})
