import { membersOf, type Member } from "./interfaces.ts"

/** A heading with the interfaces whose members stand below it in one table. */
interface Section {
  readonly title: string
  readonly text?: string
  /** File below `packages/onward/src`, and interfaces in it. */
  readonly from: readonly (readonly [file: string, ...interfaces: string[]])[]
}

const HUB: readonly Section[] = [
  {
    title: "createHub(options)",
    text: "From `onward`. Throws a `TypeError` for an option it does not know, and for a value of the wrong kind.",
    from: [["hub/hub-options.ts", "HubOptions"]],
  },
  {
    title: "limits",
    text: "The option `limits` of `createHub`. A limit refuses what is over it and never closes a stream that is open.",
    from: [["hub/limits.ts", "Limits"]],
  },
  { title: "window", text: "The option `window` of `createHub`.", from: [["hub/window.ts", "WindowOptions"]] },
  {
    title: "presence",
    text: "The option `presence` of `createHub`.",
    from: [["hub/presence/options.ts", "PresenceOptions"]],
  },
  { title: "The hub", text: "What `createHub` returns.", from: [["hub/hub.ts", "Hub"]] },
  {
    title: "hub.subscribe(options)",
    text: "Returns a subscription for `sse`. **`allowHistory: false` is the only setting that keeps a client from reading all kept entries of its topics**: without it any client may ask for `earliest`, `latest`, `since` or `last`.",
    from: [["hub/subscription.ts", "SubscribeOptions"]],
  },
  {
    title: "hub.publish(message)",
    text: "`hub.publishMany(messages)` takes an array of them: all are stored or none, next to each other.",
    from: [["message.ts", "Message"]],
  },
  { title: "hub.stats()", from: [["hub/stats.ts", "HubStats"]] },
  { title: "hub.streams(options)", from: [["hub/stream-info.ts", "StreamsOptions"]] },
  {
    title: "hub.stream(id)",
    text: "A stream, as `hub.streams()` describes it.",
    from: [["hub/stream-info.ts", "StreamInfo"]],
  },
  { title: "hub.disconnect(id, options)", from: [["hub/hub.ts", "DisconnectOptions"]] },
  { title: "hub.drain(options)", from: [["hub/hub.ts", "DrainOptions"]] },
]

const SSE: readonly Section[] = [
  {
    title: "sse(…, options)",
    text: "The last parameter of `sse` of every [adapter](adapters.md). These options are for all sources.",
    from: [["server/options.ts", "SseResponseOptions"]],
  },
  {
    title: "sse(…, source, options)",
    text: "More options of `sse` for a custom source: an async iterable, a `ReadableStream` or a function. `runs.source` and MCP's `resume` set `end` themselves.",
    from: [["server/options.ts", "SourceSseOptions"]],
  },
  {
    title: "compress",
    text: 'The option `compress` of `sse`; `"shared"` is short for `{ prefer: "gzip" }`.',
    from: [["server/options.ts", "CompressOptions"]],
  },
  { title: "cors", text: "The option `cors` of `sse`.", from: [["server/cors.ts", "CorsOptions"]] },
]

const LOGS: readonly Section[] = [
  { title: "memoryLog(options)", from: [["log/memory/memory-log.ts", "MemoryLogOptions"]] },
  { title: "sqliteLog(file, options)", from: [["log/sqlite/sqlite-log.ts", "SqliteLogOptions"]] },
  { title: "redisLog(client, options)", from: [["log/redis/redis-log.ts", "RedisLogOptions"]] },
  { title: "postgresLog(client, options)", from: [["log/postgres/postgres-log.ts", "PostgresLogOptions"]] },
  { title: "natsLog(connection, options)", from: [["log/nats/nats-log.ts", "NatsLogOptions"]] },
  { title: "retention", text: "The option `retention` of every log.", from: [["log/log.ts", "Retention"]] },
]

const CLIENT: readonly Section[] = [
  {
    title: "stream(url, options)",
    text: "From `onward/client`. [The client](client.md) explains what they do together.",
    from: [
      ["client/stream.ts", "StreamOptions"],
      ["client/connection.ts", "ConnectionOptions"],
      ["client/request.ts", "RequestOptions"],
    ],
  },
  {
    title: "new EventSource(url, options)",
    text: "From `onward/client`. It has the options of a connection too: those of `stream` from `fetch` on.",
    from: [["client/event-source.ts", "EventSourceOptions"]],
  },
  { title: "retry", text: "The option `retry` of `stream`.", from: [["client/retry.ts", "RetryOptions"]] },
  { title: "shared", text: "The option `shared` of `stream`.", from: [["client/shared.ts", "SharedOptions"]] },
  { title: "pollingFetch(options)", from: [["client/poll.ts", "PollingOptions"]] },
]

const RUNS: readonly Section[] = [
  {
    title: "createRuns(options)",
    text: "From `onward/runs`: [Runs](runs.md).",
    from: [["runs/options.ts", "RunsOptions"]],
  },
  {
    title: "runs.source(id, options)",
    text: "Returns a source for `sse`. `runs.respond(request, id, options)` has these options too, and `sse` for those of `sse`.",
    from: [["runs/options.ts", "RunStreamOptions"]],
  },
  {
    title: "createAttendance(hub, options)",
    text: "From `onward/attendance`: [Several processes](several-processes.md#attendance).",
    from: [["attendance/attendance.ts", "AttendanceOptions"]],
  },
  {
    title: "eventStore(options)",
    text: "From `onward/mcp`: [MCP](mcp.md).",
    from: [["mcp/event-store.ts", "EventStoreOptions"]],
  },
  {
    title: "toOpenApi(events, options)",
    text: "From `onward/openapi`: [OpenAPI](openapi.md). `toJsonSchemas` has the options `side` and `toJsonSchema`.",
    from: [
      ["openapi/to-open-api.ts", "OpenApiOptions"],
      ["openapi/json-schema.ts", "JsonSchemaOptions"],
    ],
  },
]

const PARTS: Readonly<Record<string, readonly Section[]>> = {
  Hub: HUB,
  Streams: SSE,
  Logs: LOGS,
  Client: CLIENT,
  "Runs, MCP and OpenAPI": RUNS,
}

/** The page docs/reference.md, whole. */
export function referencePage(): string {
  const parts = Object.entries(PARTS).flatMap(([title, sections]) => [`## ${title}`, ...sections.map(section)])
  return `${["# Reference", INTRODUCTION, ...parts].join("\n\n")}\n`
}

const INTRODUCTION = `For developers looking up an option: every option of every function, with its type and default. Durations are in milliseconds and
sizes in bytes unless a row says otherwise. An option that does not exist throws a \`TypeError\`. \`npm run reference\` writes this page from the doc comments
that editors show.`

function section({ title, text, from }: Section): string {
  const members = from.flatMap(([file, ...names]) =>
    names.flatMap((name) => membersOf(`packages/onward/src/${file}`, name)),
  )
  const unique = members.filter((member, i) => members.findIndex(({ name }) => name === member.name) === i)
  return [`### ${title}`, ...(text === undefined ? [] : [text]), table(unique)].join("\n\n")
}

function table(members: readonly Member[]): string {
  const hasDefaults = members.some(({ byDefault }) => byDefault !== undefined)
  const head = ["Name", "Type", ...(hasDefaults ? ["Default"] : []), "Meaning"]
  const rows = members.map((member) => [
    code(member.name),
    code(member.type),
    ...(hasDefaults ? [cell(member.byDefault ?? "")] : []),
    cell(member.text),
  ])
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}

/** A bar would end a cell, in code too. */
const cell = (text: string): string => text.replaceAll("|", "\\|")
const code = (text: string): string => `\`${cell(text)}\``
