import * as v from "valibot"
import { toGrant } from "../auth/grants.ts"
import { REFUSE } from "../limits.ts"
import { checkNetwork } from "../networks.ts"
import { checkLog } from "../log-address.ts"
import { auth } from "./auth-schema.ts"
import { gateway } from "./gateway-schema.ts"
import { mercure } from "./mercure-schema.ts"
import { toCorsOrigin, toPublicUrl } from "./origins.ts"
import { group, setting, settingOr } from "./setting.ts"
import { webhooks } from "./webhooks-schema.ts"
import { boolean, bytes, checkedText, choice, described, duration, integer, list, text } from "./values.ts"

const KIB = 1024
const MIB = 1024 ** 2
const GIB = 1024 ** 3
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 366 * DAY
const SECOND = 1_000

const port = () => integer(0, 65_535)
const name = () => text("a name or an address")

const max = v.literal("max")
const count = integer(1, 256)
type Max = typeof max
type Count = typeof count

/** A topic or a pattern of topics. */
function toTopicOrPattern(text: string): string {
  toGrant(text)
  return text
}

const workers = described(
  v.lazy((input): Max | Count => (input === "max" ? max : count)),
  {
    expects: "a number from 1 to 256, or max",
    json: { anyOf: [{ type: "integer", minimum: 1, maximum: 256 }, { const: "max" }] },
  },
)

/** What is kept of a topic, or of the whole log. */
const retention = (of: string) => ({
  count: setting(integer(1, 999_999_999), { about: `Maximum number of entries that ${of} keeps.` }),
  age: setting(duration(SECOND, 100 * YEAR), { about: `How long ${of} keeps an entry.` }),
  bytes: setting(bytes(4 * KIB, 1024 * GIB), { about: `Maximum size of the entries that ${of} keeps.` }),
})

/**
 * All settings of a hub, in the order of the documentation. This is the one place that knows them: the configuration file, environment
 * variables, options of the command line, `--help`, `onward config`, docs/hub-config.md and the JSON Schema are made from it.
 */
export const schema = v.strictObject({
  host: settingOr(name(), {
    about: "The address to listen on. One that other machines reach needs `insecure`.",
    default: "127.0.0.1",
  }),
  port: settingOr(port(), { about: "The port to listen on; 0 takes any free port.", default: 4000, alias: "PORT" }),
  insecure: settingOr(boolean(), {
    about:
      "Listens on an address that other machines reach, without authentication: every machine that reaches it can read and publish everything.",
    default: false,
  }),
  admin: group({
    host: settingOr(name(), { about: "The address of the admin port.", default: "127.0.0.1" }),
    port: setting(port(), {
      about:
        "A port for operators: the dashboard at `/admin/ui/` with its API, which need a key with `admin`, and health checks with numbers, which need none. Let only operators reach it.",
      otherwise: "no admin port",
    }),
  }),
  metrics: group({
    topics: settingOr(list(checkedText(toTopicOrPattern), "topics or patterns"), {
      about:
        "Topics or patterns whose messages `GET /metrics` of the admin port counts one by one, at most 100. Each is one series, with its text as the label.",
      default: [],
      flag: "metrics-topic",
    }),
  }),
  tracing: settingOr(boolean(), {
    about:
      "Whether streams and publishes are reported to the OpenTelemetry SDK with which the process was started: spans and metrics. Needs the package `@opentelemetry/api`.",
    default: false,
  }),
  data: settingOr(text("a folder"), { about: "The folder for files; created if it is missing.", default: "./data" }),
  log: setting(checkedText(checkLog), {
    about: "Where the log is: `sqlite:<path>`, `memory:`, `redis://…`, `rediss://…`, `postgres://…` or `nats://…`.",
    otherwise: "`sqlite:<data>/events.db`",
    isSecret: true,
  }),
  retention: group({
    ...retention("the log"),
    topic: group(retention("each topic")),
  }),
  workers: settingOr(workers, {
    about: "How many processes listen together; `max` is one for each core.",
    default: 1,
  }),
  publicUrls: settingOr(list(checkedText(toPublicUrl), "URLs without a path, such as https://events.example.com"), {
    about:
      "The URLs by which browsers reach the hub. Their names may stand in `Host`, and pages of these origins may publish.",
    default: [],
    flag: "public-url",
    isReloadable: true,
  }),
  trustedProxies: settingOr(list(checkedText(checkNetwork), "addresses or networks, such as 10.0.0.0/8"), {
    about: "The proxies in front of the hub. The hub believes `X-Forwarded-For` and `Forwarded` only from them.",
    default: [],
    flag: "trusted-proxy",
    isReloadable: true,
  }),
  presence: settingOr(list(text("a pattern of topics")), {
    about: "Patterns of topics whose subscribers are counted and listed at `GET /presence`; `*` is all topics.",
    default: [],
  }),
  presenceGrace: settingOr(duration(0, HOUR), {
    about:
      "How long presence still counts a subscriber that has disconnected, so that a page reload is not reported as leaving and joining.",
    default: "3s",
  }),
  heartbeat: settingOr(duration(SECOND, 10 * MINUTE), {
    about:
      "Maximum silence on a stream: after it the hub sends a comment. Keep it below the idle timeout of each proxy on the way.",
    default: "15s",
  }),
  stallTimeout: settingOr(duration(SECOND, HOUR), {
    about: "How long a client may take nothing while there is something to send. Then the hub closes the stream.",
    default: "2m",
  }),
  maxStreamAge: setting(duration(SECOND, 30 * DAY), {
    about:
      "Maximum duration of a stream. The hub ends it up to a tenth earlier, and the client resumes. Set it below a total limit of a proxy.",
    otherwise: "no limit",
  }),
  retry: settingOr(duration(0, HOUR), { about: "How long clients wait before they reconnect.", default: "1s" }),
  keepAlive: settingOr(duration(0, HOUR), {
    about:
      "How long an idle connection stays open for its next request. Keep it above the idle timeout of the proxy in front.",
    default: "75s",
  }),
  drain: group({
    duration: setting(duration(0, HOUR), {
      about: "Over how long the streams are closed when the hub ends.",
      otherwise: "`500ms` on an address of this machine only, else `10s`",
      flag: "drain",
    }),
    delay: setting(duration(0, HOUR), {
      about:
        "How long the hub goes on as before after it was told to end, while `/readyz` answers 503: a load balancer needs the time to notice.",
      otherwise: "`0ms` on an address of this machine only, or with a socket of systemd, else `5s`",
    }),
  }),
  limits: group({
    streams: settingOr(integer(1, 10_000_000), {
      about: "Streams open in one process. Beyond it: 503 `too_many_connections`.",
      default: 50_000,
      flag: "max-streams",
    }),
    streamsPerAddress: settingOr(integer(1, 10_000_000), {
      about: "Streams open of one client address. Beyond it: 429 `too_many_connections_for_key`.",
      default: 1_000,
      flag: "max-streams-per-address",
    }),
    topics: settingOr(integer(1, 10_000), {
      about: "Topics and patterns of one stream. Beyond it: 400 `too_many_topics`.",
      default: 1_000,
      flag: "max-topics",
    }),
    patterns: settingOr(integer(1, 1_000_000), {
      about:
        "Different patterns that one topic is compared with: those that begin as it does, such as all that start with `*`. Beyond it: 503 `too_many_patterns`.",
      default: 1_000,
      flag: "max-patterns",
    }),
    patternBytes: settingOr(bytes(KIB, 4_096 * MIB), {
      about: "Memory of the different patterns in use in one process, estimated. Beyond it: 503 `too_many_patterns`.",
      default: "64MiB",
      flag: "max-pattern-memory",
    }),
    patternsPerAddress: settingOr(integer(1, 1_000_000), {
      about: "Different patterns in use by one client address. Beyond it: 429 `too_many_patterns_for_key`.",
      default: 250,
      flag: "max-patterns-per-address",
    }),
    presenceStreams: settingOr(integer(1, 1_000_000), {
      about:
        "Streams of presence open in one process; one client address may have a tenth of them. Beyond it: 503 and 429, as for streams.",
      default: 1_000,
      flag: "max-presence-streams",
    }),
    bodyBytes: settingOr(bytes(KIB, 256 * MIB), {
      about: "The body of one request. Beyond it: 413 `body_too_large`.",
      default: "4MiB",
      flag: "max-body",
      isReloadable: true,
    }),
    bodiesBytes: settingOr(bytes(KIB, 16 * GIB), {
      about:
        "All bodies handled at once; one client address may have a quarter of them. Beyond it: 503 `busy`, 429 `too_many_bodies`.",
      default: "64MiB",
      flag: "max-bodies",
      isReloadable: true,
    }),
    headBytes: settingOr(bytes(4 * KIB, 16 * MIB), {
      about:
        "The head of one request; its URL names the topics. Beyond it: 431. Beyond twice the size, HTTP/2 resets the request.",
      default: "64KiB",
      flag: "max-head",
    }),
    publishRate: settingOr(integer(0, 999_999_999), {
      about: "Requests to publish a second of one client address; 0 for no limit. Beyond it: 429 `too_many_messages`.",
      default: 4_000,
      flag: "publish-rate",
      isReloadable: true,
    }),
    refuse: settingOr(choice(REFUSE), {
      about:
        "What an `EventSource` gets beyond a limit: `soft` is an empty stream, after which it reconnects; `status` is 429 or 503, after which it gives up.",
      default: "soft",
      flag: "refuse",
      isReloadable: true,
    }),
  }),
  cors: group({
    origins: settingOr(list(checkedText(toCorsOrigin), "origins, such as https://app.example.com, or *"), {
      about:
        "Other origins whose pages may read and publish, such as `https://app.example.com`; `*` for all. They need credentials like any client.",
      default: [],
      flag: "cors-origin",
      isReloadable: true,
    }),
    credentials: settingOr(boolean(), {
      about: "Whether their pages may send cookies; not with `*`.",
      default: false,
      isReloadable: true,
    }),
  }),
  tls: group({
    cert: setting(text("the path of a file"), {
      about:
        "A PEM file with the certificate and its chain. With it the port serves HTTP/2 and HTTP/1.1 over TLS. The hub reads the files again within 10 s after they change.",
      otherwise: "plain HTTP/1.1",
    }),
    key: setting(text("the path of a file"), { about: "A PEM file with the private key.", otherwise: "not set" }),
  }),
  auth,
  webhooks,
  demo: setting(boolean(), {
    about:
      "Whether there is a page at `/` with live examples. Every visitor can read the access log on it and fill the log.",
    otherwise: "`true` on an address of this machine only, with one worker",
  }),
  accessLog: setting(text("the path of a file"), {
    about: "A file that gets a line for each request. At 10 MiB it is moved to `<file>.1`.",
    otherwise: "`<data>/access.log` with the demo page, else no file",
  }),
  logLevel: settingOr(choice(["debug", "info", "warn", "error"]), {
    about: "The least important messages that are printed; `debug` prints each request.",
    default: "info",
    isReloadable: true,
  }),
  logFormat: setting(choice(["text", "json"]), {
    about: "How messages are printed: `text` for people, or `json`, one object a line on standard output.",
    otherwise: "`text` in a terminal, else `json`",
  }),
  mercure,
  gateway,
})

/** The settings, as a configuration sets them. */
export type Settings = v.InferOutput<typeof schema>
