import { createAges } from "./ages.ts"
import { checkClock, type Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { createHub, internalsOf, type Hub } from "../hub/index.ts"
import { kindOf } from "../kind.ts"
import { checkLog } from "../log/index.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import { prepareSource, report, type SourceFunction, type SourceItem } from "../server/index.ts"
import { checkFormat, type Format } from "./format.ts"
import {
  RUNS_OPTIONS,
  type AttachOptions,
  type RunEvent,
  type RunItem,
  type RunOwner,
  type Runs,
  type RunsOptions,
  type RunState,
} from "./options.ts"
import { createRunTopics, isRunId } from "./run-topic.ts"
import { produce, untilTold, type Production } from "./produce.ts"
import { prepareTranslation, translate, type Translation } from "./translation.ts"
import { markOf, type RunError } from "./record.ts"
import { respond } from "./respond.ts"

import { createRegistry } from "./registry.ts"
import { discardSource, type RunSource, type RunSourceFunction } from "./source.ts"
import { createViewerCount } from "./viewer-count.ts"
import { createStates } from "./state.ts"
import { sweepOrphans } from "./orphan-sweep.ts"
import { whenEnded, type Replica } from "./replica.ts"
import { BEGINNING, cursorOf, isOver, Watch, type RunCursor, type WatchOptions } from "./watch.ts"

/**
 * Makes runs: streams of tokens that survive their viewers. Everything about a run is in the log, so any process with the same
 * log can watch it, stop it, or tell that its producer is gone.
 * @example
 * const runs = createRuns({ log: sqliteLog("runs.db"), format: openaiChat() })
 * await runs.start(id, ({ signal }) => fetch(provider, { …, signal }), { owner: user.id })
 * return runs.respond(request, id, { owner: user.id })
 */
export function createRuns<F>(options: RunsOptions<F>): Runs<F> {
  checkNames("createRuns", options, RUNS_OPTIONS)
  checkNames("createRuns's flush", options.flush ?? {}, ["interval", "maxChars"])
  checkKinds("createRuns", options, {
    onEvent: "a function",
    onError: "a function",
    waitUntil: "a function",
    prefix: "a string",
    requireStored: "true or false",
  })
  if (options.log !== undefined) checkLog("createRuns", options.log)
  for (const each of [options.format, ...(options.formats ?? [])]) checkFormat(each)
  if (options.clock) checkClock("createRuns", options.clock)
  const { format, onError = report, waitUntil, requireStored = false, prefix = "run/" } = options
  const lease = durationOf("lease", options.lease, 10_000)
  const retention = durationOf("retention", options.retention, 600_000)
  const heartbeat = durationOf("heartbeat", options.heartbeat, 15_000)
  const maxDuration = durationOf("maxDuration", options.maxDuration, Infinity)
  const storeTimeout = durationOf("storeTimeout", options.storeTimeout, 30_000)
  const flush = { interval: options.flush?.interval ?? 20, maxChars: options.flush?.maxChars ?? 4_096 }
  const { maxChars = 134_217_728, maxFrames = 500_000 } = options
  const formats = new Map([format as Format, ...(options.formats ?? [])].map((each) => [each.name, each]))
  if (options.hub && options.log) throw new TypeError("createRuns takes a `hub` or a `log`, not both")
  const hub = options.hub ?? ownHub(options, onError)
  const internals = internalsOf(hub)
  const clock = options.clock ?? internals.context.clock
  const topics = createRunTopics(prefix)
  const ages = createAges(internals, clock)
  const registry = createRegistry({ internals, ages, lease, clock })
  const count = createViewerCount({ clock, registry })
  const stopSweeping = sweepOrphans({ internals, registry, topics, lease, clock })
  const { statusOf, stateOf, check } = createStates({ ages, retention })
  const productions = new Set<Production>()
  const projections = new WeakMap<Replica, Map<string, Translation>>()
  /** Names under which runs were opened, until it is known who won: a start that failed may have won, and is known when it is repeated. */
  const claims = new Map<string, string>()
  let isClosed = false

  /** What is told must not hurt who tells it. */
  function tell(event: RunEvent): void {
    try {
      options.onEvent?.(event)
    } catch (error) {
      onError(error)
    }
  }

  /** Does something with a run, which stays in replica meanwhile. */
  async function using<T>(id: string, who: RunOwner, use: (replica: Replica) => T | Promise<T>): Promise<T> {
    const replica = await registry.acquire(topics.of(id, who))
    try {
      return await use(replica)
    } finally {
      registry.release(replica)
    }
  }

  function projectionOf(replica: Replica, name: string | undefined): Translation {
    const native = formats.get(replica.records.opened?.format ?? "")
    const wanted = name === undefined ? native : formats.get(name)
    if (!native || !wanted) {
      const missing = native ? name : replica.records.opened?.format
      throw new TypeError(`createRuns was given no format "${missing}": there are ${[...formats.keys()].join(", ")}`)
    }
    const made = projections.get(replica) ?? new Map<string, Translation>()
    projections.set(replica, made)
    const projection = made.get(wanted.name) ?? translate(replica, native, wanted)
    made.set(wanted.name, projection)
    return projection
  }

  const prepared = (replica: Replica, name: string | undefined): Promise<Translation> =>
    prepareTranslation(projectionOf(replica, name), replica, internals.context.turns)

  /** Writes an `open`, and finds out whose is the first. */
  async function claim(replica: Replica): Promise<void> {
    const by = claims.get(replica.topic) ?? markOf()
    claims.set(replica.topic, by)
    if (claims.size > MAX_CLAIMS) claims.delete(claims.keys().next().value as string)
    try {
      await registry.append(replica, [{ type: "open", by, format: format.name }])
    } catch (error) {
      // it may have been stored all the same
      await replica.refresh()
      if (!replica.records.opened) throw error
    }
    // somebody else's may be before this one: what the log says counts
    if (!replica.records.opened) await replica.refresh()
  }

  function begin(replica: Replica, by: string, source: RunSource<F> | RunSourceFunction<F>, who: RunOwner): void {
    const run = named(replica.id, who)
    const production = produce(source, {
      replica,
      by,
      format,
      registry,
      clock,
      flush,
      lease,
      storeTimeout,
      requireStored,
      maxDuration,
      maxChars,
      maxFrames,
      onError,
      onFirst: () => tell({ type: "first", ...run }),
    })
    productions.add(production)
    replica.users++
    const over = production.done.then(() => {
      productions.delete(production)
      const metrics = replica.records.ended?.metrics ?? replica.meter?.read()
      tell({ type: "end", ...run, status: replica.ending?.status ?? "lost", metrics })
      registry.release(replica)
    })
    tell({ type: "start", ...run })
    waitUntil?.(over)
  }

  /** Watches a run once it is known that it may be watched; it stays in replica until the watching is over. */
  function watching<T>(id: string, who: Watching, how: Pick<WatchOptions<T>, "frame" | "end">): Watch<T> {
    const { signal, merge: isMerged = true } = who
    return new Watch({
      turns: internals.context.turns,
      ...how,
      signal,
      isMerged,
      async open() {
        const replica = await registry.acquire(topics.of(id, who))
        try {
          check(replica)
          const from = who.from ?? cursorIn(replica, who.lastEventId)
          const watched = { replica, from, projection: await prepared(replica, who.format) }
          count(replica, from !== BEGINNING)
          tell({ type: from === BEGINNING ? "attach" : "resume", ...named(id, who) })
          return watched
        } catch (error) {
          registry.release(replica)
          throw error
        }
      },
      close({ replica }) {
        tell({ type: "leave", ...named(id, who) })
        registry.release(replica)
      },
    })
  }

  const runs: Runs<F> = {
    async start(id, source, who = {}) {
      checkNames("start", who, OWNER)
      if (isClosed) throw new OnwardError("hub_closed", "these runs are closed")
      if (!isRunId(id)) {
        discardSource(source)
        if (typeof id !== "string") throw new TypeError(`The id of a run must be a string, not ${kindOf(id)}.`)
        throw new OnwardError(
          "invalid_selector",
          `The id of a run must be a line of 1 to 512 characters without \`*\` and \`:name\` segments, not ${kindOf(id)}.`,
        )
      }
      try {
        const isNew = await using(id, who, async (replica) => {
          if (!replica.records.opened && !replica.isTrimmed) await claim(replica)
          check(replica)
          const by = claims.get(replica.topic)
          claims.delete(replica.topic)
          if (by === undefined || !replica.hasBegun(by)) return false
          begin(replica, by, source, who)
          return true
        })
        if (!isNew) discardSource(source)
        return { id, isNew, ended: () => ended(id, who) }
      } catch (error) {
        discardSource(source)
        throw error
      }
    },

    attach<G>(id: string, who: AttachOptions = {}) {
      checkNames("attach", who, ATTACH)
      return watching<RunItem<G>>(id, who, {
        frame: ({ id: at, cell }) => ({ frame: cell.frame as G, ...(at !== undefined && { id: at }) }),
        end: ({ status, error, position }) => ({
          end: status,
          ...(error && { error }),
          ...(position !== undefined && { id: position }),
        }),
      })
    },

    async stop(id, who = {}) {
      checkNames("stop", who, OWNER)
      if (!isRunId(id)) return "unknown"
      return using(id, who, async (replica) => {
        const status = statusOf(replica)
        if (status === "unknown" || status === "expired") return "unknown"
        if (status !== "running") return "already-ended"
        const mark = markOf()
        await registry.append(replica, [{ type: "end", mark, status: "stopped" }])
        if (!replica.records.ended) await replica.refresh()
        return replica.records.ended?.mark === mark ? "stopped" : "already-ended"
      })
    },

    async delete(id, who = {}) {
      checkNames("delete", who, OWNER)
      if (!isRunId(id)) return "unknown"
      return using(id, who, async (replica) => {
        if (!replica.records.opened) return "unknown"
        if (!replica.records.isDeleted) await registry.append(replica, [{ type: "delete", mark: markOf() }])
        if (!replica.records.isDeleted) await replica.refresh()
        return "deleted"
      })
    },

    async status(id, who = {}) {
      checkNames("status", who, OWNER)
      if (!isRunId(id)) return { status: "unknown" }
      return using(id, who, stateOf)
    },

    source(id, given = {}) {
      checkNames("source", given, SOURCE)
      checkKinds("source", given, { onlyActive: "true or false", location: "a string" })
      const { location, onlyActive = false, ...who } = given
      const wanted = given.format === undefined ? format : formats.get(given.format)
      if (!wanted) throw new TypeError(`createRuns was given no format "${given.format}"`)
      const open: SourceFunction = async ({ lastEventId, signal }) => {
        // who carries on wants the rest, of what is over too
        if (onlyActive && lastEventId === undefined && (await runs.status(id, who)).status !== "running") return null
        const from = await using(id, who, async (replica) => {
          check(replica)
          const cursor = cursorIn(replica, lastEventId)
          const isRest = cursor !== BEGINNING
          return isRest && isOver({ replica, from: cursor, projection: await prepared(replica, given.format) })
            ? undefined
            : cursor
        })
        return from && watching<SourceItem>(id, { ...who, signal, from }, wire)
      }
      return prepareSource(open, {
        headers: {
          // an invalid id is answered 404, and need not be named
          ...(isRunId(id) && { "onward-run": encodeURIComponent(id) }),
          ...(location !== undefined && { "content-location": locationOf(location) }),
          ...wanted.headers,
        },
        heartbeat,
        clock,
        onError,
        ignoreAccept: true,
        // each format has its own end
        end: false,
      })
    },

    async respond(request, id, given = {}) {
      checkNames("respond", given, RESPOND)
      return respond(runs, request, id, given, onError)
    },

    async close() {
      if (isClosed) return
      isClosed = true
      stopSweeping()
      ages.stop()
      const all = [...productions]
      for (const { fail } of all) fail(CLOSED)
      await within(clock, CLOSE_PATIENCE, Promise.all(all.map(untilTold)))
      for (const { leave } of productions) leave(CLOSED)
      for (const opening of registry.replicas.values()) opening.then(letGo, () => {})
      if (!options.hub) await hub.close()
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }

  async function ended(id: string, who: RunOwner): Promise<RunState> {
    return using(id, who, async (replica) => {
      check(replica)
      await whenEnded(replica)
      return stateOf(replica)
    })
  }

  return runs
}

const named = (id: string, { owner }: RunOwner): RunOwner & { readonly id: string } => ({
  id,
  ...(owner !== undefined && { owner }),
})

/** Made of an id, as a rule, which may be any text: what no URL can hold is escaped. */
const locationOf = (location: string): string =>
  location.toWellFormed().replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character))

const OWNER = ["owner"]
const ATTACH = ["owner", "lastEventId", "merge", "format", "signal"]
const SOURCE = ["owner", "format", "onlyActive", "location"]
const RESPOND = [...SOURCE, "sse"]

/** Lets those go who watch it here, for them to come back elsewhere. */
function letGo(replica: Replica): void {
  replica.isLeft = true
  replica.changed()
}

/** Waits for something, but no longer than `patience`, in ms. */
async function within(clock: Clock, patience: number, something: Promise<unknown>): Promise<void> {
  let undo: (() => void) | undefined
  const over = new Promise<void>((resolve) => (undo = clock.after(patience, resolve)))
  const release = clock.hold()
  await Promise.race([something, over])
  undo?.()
  release()
}

interface Watching extends AttachOptions {
  readonly from?: RunCursor
}

/** How long closing waits for the store to take the ends of runs, in ms: a process that is told to end has little time. */
const CLOSE_PATIENCE = 2_000

/** Most starts that failed and are waited for to be repeated. */
const MAX_CLAIMS = 1_000

const CLOSED: RunError = { code: "hub_closed", message: "the server that wrote this answer was shut down" }

const cursorIn = (replica: Replica, after: string | undefined): RunCursor =>
  after === undefined || after === "earliest" ? BEGINNING : cursorOf(replica, after)

function ownHub({ log, clock }: Pick<RunsOptions, "log" | "clock">, onError: (error: unknown) => void): Hub {
  return createHub({ onError, ...(log && { log }), ...(clock && { clock }), window: { maxEntries: 0, maxChars: 0 } })
}

/** Frames as SSE messages. An end that has no frame is not told: many clients deliver a block without data as an empty message. */
const wire: Pick<WatchOptions<SourceItem>, "frame" | "end"> = {
  frame({ id, cell }) {
    const { data, event } = cell.message
    return { data, event, id }
  },
  end: () => undefined,
}
