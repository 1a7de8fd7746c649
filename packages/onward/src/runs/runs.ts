import { createAges } from "./ages.ts"
import { createClaims } from "./claims.ts"
import { CLOSED, letViewersGo, within } from "./closing.ts"
import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { checkKinds, checkNames } from "../options.ts"
import { prepareSource } from "../server/index.ts"
import type { RunObservation, RunOwner, Runs, RunsOptions, RunState } from "./options.ts"
import { createRunTopics, isRunId } from "./run-topic.ts"
import { createFlushTimer } from "./flush-timer.ts"
import { sweepOrphans } from "./orphan-sweep.ts"
import { produce, type Production } from "./produce.ts"
import { markOf } from "./record.ts"
import { createRegistry } from "./registry.ts"
import { whenEnded, type Replica } from "./replica.ts"
import { respond } from "./respond.ts"
import { resolveOptions } from "./settings.ts"
import { discardSource, type RunSource, type RunSourceFunction } from "./source.ts"
import { createStates } from "./state.ts"
import { createTranslations } from "./translations.ts"
import { createViewerCount } from "./viewer-count.ts"
import { createViewing } from "./viewing.ts"

/**
 * Makes runs: LLM responses that continue when clients disconnect. Everything about a run is in the log, so each process with the same
 * log can show it, stop it, or find out that its producer stopped.
 * @example
 * const runs = createRuns({ log: sqliteLog("runs.db"), format: openaiChat() })
 * await runs.start(id, ({ signal }) => fetch(provider, { …, signal }), { owner: user.id })
 * return runs.respond(request, id, { owner: user.id })
 */
export function createRuns<F>(options: RunsOptions<F>): Runs<F> {
  const settings = resolveOptions(options)
  const { internals, reader, clock, format, lease, retention, heartbeat, onError, waitUntil } = settings
  const topics = createRunTopics(settings.prefix)
  const ages = createAges(internals, clock)
  const flushTimer = createFlushTimer(clock, internals.context.turns, settings.flush.interval)
  const registry = createRegistry({ internals, ages, lease, clock })
  const claims = createClaims(registry, format.name)
  const states = createStates({ ages, retention })
  const { turns } = internals.context
  const translations = createTranslations(settings.formats, turns)
  const count = createViewerCount({ clock, registry })
  const viewing = createViewing({ registry, topics, states, translations, turns, count, tell })
  const stopSweeping = sweepOrphans({ internals, registry, topics, lease, clock })
  const productions = new Set<Production>()
  let isClosed = false

  /** A listener that throws must not break the caller. */
  function tell(event: RunObservation): void {
    try {
      settings.observe?.(event)
    } catch (error) {
      onError(error)
    }
  }

  /** Does something with a run, whose replica stays until then. */
  async function using<T>(id: string, owner: RunOwner, use: (replica: Replica) => T | Promise<T>): Promise<T> {
    const replica = await registry.acquire(topics.of(id, owner))
    try {
      return await use(replica)
    } finally {
      registry.release(replica)
    }
  }

  function begin(replica: Replica, by: string, source: RunSource<F> | RunSourceFunction<F>, { owner }: RunOwner): void {
    const run = { id: replica.id, ...(owner !== undefined && { owner }) }
    const onFirst = (): void => tell({ type: "first", ...run })
    const production = produce(source, { ...settings, flushTimer, replica, by, registry, onFirst })
    productions.add(production)
    replica.users++
    const over = production.done.then(() => {
      productions.delete(production)
      const metrics = replica.records.ended?.metrics ?? replica.meter?.read()
      const usage = replica.records.ended?.usage ?? replica.meter?.usage
      tell({ type: "end", ...run, status: replica.ending?.status ?? "lost", metrics, usage })
      registry.release(replica)
    })
    tell({ type: "start", ...run })
    waitUntil?.(over)
  }

  async function ended(id: string, owner: RunOwner): Promise<RunState> {
    return using(id, owner, async (replica) => {
      states.check(replica)
      await whenEnded(replica)
      return states.stateOf(replica)
    })
  }

  const runs: Runs<F> = {
    async start(id, source, owner = {}) {
      checkNames("start", owner, OWNER)
      try {
        if (isClosed) throw new OnwardError("hub_closed", "These runs are closed. Start runs before close().")
        checkId(id)
        const isNew = await using(id, owner, async (replica) => {
          if (!replica.records.opened && !replica.isTrimmed) await claims.claim(replica)
          states.check(replica)
          const by = claims.take(replica)
          if (by === undefined || !replica.hasBegun(by)) return false
          begin(replica, by, source, owner)
          return true
        })
        if (!isNew) discardSource(source)
        return { id, isNew, ended: () => ended(id, owner) }
      } catch (error) {
        discardSource(source)
        throw error
      }
    },

    attach(id, given = {}) {
      checkNames("attach", given, ATTACH)
      return viewing.attach(id, given)
    },

    async stop(id, owner = {}) {
      checkNames("stop", owner, OWNER)
      if (!isRunId(id)) return "unknown"
      return using(id, owner, async (replica) => {
        const status = states.statusOf(replica)
        if (status === "unknown" || status === "expired") return "unknown"
        if (status !== "running") return "already-ended"
        const mark = markOf()
        await registry.append(replica, [{ type: "end", mark, status: "stopped" }])
        if (!replica.records.ended) await replica.refresh()
        return replica.records.ended?.mark === mark ? "stopped" : "already-ended"
      })
    },

    async delete(id, owner = {}) {
      checkNames("delete", owner, OWNER)
      if (!isRunId(id)) return "unknown"
      return using(id, owner, async (replica) => {
        if (!replica.records.opened) return "unknown"
        if (!replica.records.isDeleted) await registry.append(replica, [{ type: "delete", mark: markOf() }])
        if (!replica.records.isDeleted) await replica.refresh()
        return "deleted"
      })
    },

    async status(id, owner = {}) {
      checkNames("status", owner, OWNER)
      if (!isRunId(id)) return { status: "unknown" }
      return using(id, owner, states.stateOf)
    },

    source(id, given = {}) {
      checkNames("source", given, SOURCE)
      checkKinds("source", given, { onlyActive: "true or false", location: "a string" })
      const { location } = given
      const { headers } = translations.formatOf(given.format ?? format.name)
      return prepareSource(viewing.stream(id, given), {
        headers: {
          // an invalid id is answered 404, and need not be named
          ...(isRunId(id) && { "onward-run": encodeURIComponent(id) }),
          ...(location !== undefined && { "content-location": locationOf(location) }),
          ...headers,
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
      await within(clock, CLOSE_TIMEOUT, Promise.all(all.map(({ done }) => done)))
      for (const { leave } of productions) leave(CLOSED)
      for (const opening of registry.replicas.values()) opening.then(letViewersGo, () => {})
      await reader?.close()
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
  return runs
}

const OWNER = ["owner"]
const ATTACH = ["owner", "lastEventId", "merge", "format", "signal"]
const SOURCE = ["owner", "format", "onlyActive", "location"]
const RESPOND = [...SOURCE, "sse"]

/** How long closing waits for the store to accept the ends of runs, in ms: a process that is told to end has little time. */
const CLOSE_TIMEOUT = 2_000

/** @throws OnwardError `invalid_selector` for text, which a client may have sent; TypeError for anything else */
function checkId(id: unknown): void {
  if (isRunId(id)) return
  if (typeof id !== "string") {
    throw new TypeError(`The id of a run must be a string, not ${kindOf(id)}. Pass for instance crypto.randomUUID().`)
  }
  throw new OnwardError(
    "invalid_selector",
    `The id of a run must be a line of 1 to 512 characters without \`*\` and \`:name\` segments, not ${kindOf(id)}. Use another id.`,
  )
}

/** A location is often made from an id, which can be any text: characters that no URL can hold are escaped. */
const locationOf = (location: string): string =>
  location.toWellFormed().replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character))
