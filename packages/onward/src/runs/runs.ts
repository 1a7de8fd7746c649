import { createAges } from "./ages.ts"
import { checkClock, type Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { createHub, insidesOf, type Hub } from "../hub/index.ts"
import { kindOf } from "../kind.ts"
import { checkLog } from "../log/index.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import { checkSseOptions, report, type SourceFunction, type Yielded } from "../server/index.ts"
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
import { createPlaces, isRunId } from "./place.ts"
import { produce, untilTold, type Production } from "./produce.ts"
import { prepare, project, type Projection } from "./projection.ts"
import { markOf, type RunError } from "./record.ts"
import { respond } from "./respond.ts"

import { createRoom } from "./room.ts"
import { discardSource, type RunSource, type RunSourceFunction } from "./source.ts"
import { createCount } from "./seen.ts"
import { createStates } from "./state.ts"
import { sweep } from "./sweep.ts"
import { whenEnded, type View } from "./view.ts"
import { BEGINNING, cursorOf, isOver, Watch, type Cursor, type WatchOptions } from "./watch.ts"

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
  checkNames("createRuns's flush", options.flush ?? {}, ["ms", "chars"])
  checkKinds("createRuns", options, {
    onEvent: "a function",
    onError: "a function",
    waitUntil: "a function",
    prefix: "a string",
  })
  if (options.log !== undefined) checkLog("createRuns", options.log)
  for (const each of [options.format, ...(options.formats ?? [])]) checkFormat(each)
  if (options.clock) checkClock("createRuns", options.clock)
  const { format, onError = report, waitUntil, durability = "relaxed", prefix = "run/" } = options
  const lease = durationOf("lease", options.lease, 10_000)
  const retain = durationOf("retain", options.retain, 600_000)
  const heartbeat = durationOf("heartbeat", options.heartbeat, 15_000)
  const maxRun = durationOf("maxRun", options.maxRun, Infinity)
  const storeTimeout = durationOf("storeTimeout", options.storeTimeout, 30_000)
  const flush = { ms: options.flush?.ms ?? 20, chars: options.flush?.chars ?? 4_096 }
  const { maxLength = 134_217_728, maxFrames = 500_000 } = options
  const formats = new Map([format as Format, ...(options.formats ?? [])].map((each) => [each.name, each]))
  if (options.hub && options.log) throw new TypeError("createRuns takes a `hub` or a `log`, not both")
  const hub = options.hub ?? ownHub(options, onError)
  const insides = insidesOf(hub)
  const clock = options.clock ?? insides.core.clock
  const places = createPlaces(prefix)
  const ages = createAges(insides, clock)
  const room = createRoom({ insides, ages, lease, clock })
  const count = createCount({ clock, room })
  const stopSweeping = sweep({ insides, room, places, lease, clock })
  const { statusOf, stateOf, check } = createStates({ ages, retain })
  const productions = new Set<Production>()
  const projections = new WeakMap<View, Map<string, Projection>>()
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

  /** Does something with a run, which stays in view meanwhile. */
  async function using<T>(id: string, who: RunOwner, use: (view: View) => T | Promise<T>): Promise<T> {
    const view = await room.acquire(places.of(id, who))
    try {
      return await use(view)
    } finally {
      room.release(view)
    }
  }

  function projectionOf(view: View, name: string | undefined): Projection {
    const native = formats.get(view.fold.opened?.format ?? "")
    const wanted = name === undefined ? native : formats.get(name)
    if (!native || !wanted) {
      const missing = native ? name : view.fold.opened?.format
      throw new TypeError(`createRuns was given no format "${missing}": there are ${[...formats.keys()].join(", ")}`)
    }
    const made = projections.get(view) ?? new Map<string, Projection>()
    projections.set(view, made)
    const projection = made.get(wanted.name) ?? project(view, native, wanted)
    made.set(wanted.name, projection)
    return projection
  }

  const prepared = (view: View, name: string | undefined): Promise<Projection> =>
    prepare(projectionOf(view, name), view, insides.core.turns)

  /** Writes an `open`, and finds out whose is the first. */
  async function claim(view: View): Promise<void> {
    const by = claims.get(view.topic) ?? markOf()
    claims.set(view.topic, by)
    if (claims.size > MAX_CLAIMS) claims.delete(claims.keys().next().value as string)
    try {
      await room.append(view, [{ type: "open", by, format: format.name }])
    } catch (error) {
      // it may have been stored all the same
      await view.refresh()
      if (!view.fold.opened) throw error
    }
    // somebody else's may be before this one: what the log says counts
    if (!view.fold.opened) await view.refresh()
  }

  function begin(view: View, by: string, source: RunSource<F> | RunSourceFunction<F>, who: RunOwner): void {
    const run = named(view.id, who)
    const production = produce(source, {
      view,
      by,
      format,
      room,
      clock,
      flush,
      lease,
      storeTimeout,
      isStrict: durability === "strict",
      maxRun,
      maxLength,
      maxFrames,
      onError,
      onFirst: () => tell({ type: "first", ...run }),
    })
    productions.add(production)
    view.users++
    const over = production.done.then(() => {
      productions.delete(production)
      const metrics = view.fold.ended?.metrics ?? view.meter?.read()
      tell({ type: "end", ...run, status: view.ending?.status ?? "lost", metrics })
      room.release(view)
    })
    tell({ type: "start", ...run })
    waitUntil?.(over)
  }

  /** Watches a run once it is known that it may be watched; it stays in view until the watching is over. */
  function watching<T>(id: string, who: Watching, how: Pick<WatchOptions<T>, "frame" | "end">): Watch<T> {
    const { signal, merge: isMerged = true } = who
    return new Watch({
      turns: insides.core.turns,
      ...how,
      signal,
      isMerged,
      async open() {
        const view = await room.acquire(places.of(id, who))
        try {
          check(view)
          const from = who.from ?? cursorIn(view, who.after)
          const watched = { view, from, projection: await prepared(view, who.format) }
          count(view, from !== BEGINNING)
          tell({ type: from === BEGINNING ? "attach" : "resume", ...named(id, who) })
          return watched
        } catch (error) {
          room.release(view)
          throw error
        }
      },
      close({ view }) {
        tell({ type: "leave", ...named(id, who) })
        room.release(view)
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
        const isNew = await using(id, who, async (view) => {
          if (!view.fold.opened && !view.isTrimmed) await claim(view)
          check(view)
          const by = claims.get(view.topic)
          claims.delete(view.topic)
          if (by === undefined || !view.hasBegun(by)) return false
          begin(view, by, source, who)
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
      return using(id, who, async (view) => {
        const status = statusOf(view)
        if (status === "unknown" || status === "expired") return "unknown"
        if (status !== "running") return "already-ended"
        const mark = markOf()
        await room.append(view, [{ type: "end", mark, status: "stopped" }])
        if (!view.fold.ended) await view.refresh()
        return view.fold.ended?.mark === mark ? "stopped" : "already-ended"
      })
    },

    async delete(id, who = {}) {
      checkNames("delete", who, OWNER)
      if (!isRunId(id)) return "unknown"
      return using(id, who, async (view) => {
        if (!view.fold.opened) return "unknown"
        if (!view.fold.isDeleted) await room.append(view, [{ type: "delete", mark: markOf() }])
        if (!view.fold.isDeleted) await view.refresh()
        return "deleted"
      })
    },

    async status(id, who = {}) {
      checkNames("status", who, OWNER)
      if (!isRunId(id)) return { status: "unknown" }
      return using(id, who, stateOf)
    },

    view(id, given = {}) {
      checkNames("view", given, VIEW)
      if (given.sse) checkSseOptions(given.sse)
      const { location, onlyActive = false, sse: more = {}, ...who } = given
      const wanted = given.format === undefined ? format : formats.get(given.format)
      if (!wanted) throw new TypeError(`createRuns was given no format "${given.format}"`)
      const source: SourceFunction = async ({ lastEventId, signal }) => {
        // who carries on wants the rest, of what is over too
        if (onlyActive && lastEventId === undefined && (await runs.status(id, who)).status !== "running") return null
        const from = await using(id, who, async (view) => {
          check(view)
          const cursor = cursorIn(view, lastEventId)
          const isRest = cursor !== BEGINNING
          return isRest && isOver({ view, from: cursor, projection: await prepared(view, given.format) })
            ? undefined
            : cursor
        })
        return from && watching<Yielded>(id, { ...who, signal, from }, wire)
      }
      return [
        source,
        {
          ...more,
          headers: {
            // what cannot be an id is answered 404, and need not be named
            ...(isRunId(id) && { "onward-run": encodeURIComponent(id) }),
            ...(location !== undefined && { "content-location": locationOf(location) }),
            ...wanted.headers,
            ...more.headers,
          },
          heartbeat,
          clock: more.clock ?? clock,
          onError: more.onError ?? onError,
          accept: "any",
          // each format has an end of its own
          end: false,
        },
      ]
    },

    respond: (request, id, given = {}) => respond(runs, request, id, given, onError),

    async close() {
      if (isClosed) return
      isClosed = true
      stopSweeping()
      ages.stop()
      const all = [...productions]
      for (const { fail } of all) fail(CLOSED)
      await within(clock, CLOSE_PATIENCE, Promise.all(all.map(untilTold)))
      for (const { leave } of productions) leave(CLOSED)
      for (const opening of room.views.values()) opening.then(letGo, () => {})
      if (!options.hub) await hub.close()
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }

  async function ended(id: string, who: RunOwner): Promise<RunState> {
    return using(id, who, async (view) => {
      check(view)
      await whenEnded(view)
      return stateOf(view)
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
const ATTACH = ["owner", "after", "merge", "format", "signal"]
const VIEW = ["owner", "format", "onlyActive", "location", "sse"]

/** Lets those go who watch it here, for them to come back elsewhere. */
function letGo(view: View): void {
  view.isLeft = true
  view.changed()
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
  readonly from?: Cursor
}

/** How long closing waits for the store to take the ends of runs, in ms: a process that is told to end has little time. */
const CLOSE_PATIENCE = 2_000

/** Most starts that failed and are waited for to be repeated. */
const MAX_CLAIMS = 1_000

const CLOSED: RunError = { code: "hub_closed", message: "the server that wrote this answer was shut down" }

const cursorIn = (view: View, after: string | undefined): Cursor =>
  after === undefined || after === "earliest" ? BEGINNING : cursorOf(view, after)

function ownHub({ log, clock }: Pick<RunsOptions, "log" | "clock">, onError: (error: unknown) => void): Hub {
  return createHub({ onError, ...(log && { log }), ...(clock && { clock }), window: { entries: 0, chars: 0 } })
}

/** Frames as SSE messages. An end that has no frame is not told: many clients deliver a block without data as an empty message. */
const wire: Pick<WatchOptions<Yielded>, "frame" | "end"> = {
  frame({ id, cell }) {
    const { data, event } = cell.message
    return { data, event, id }
  },
  end: () => undefined,
}
