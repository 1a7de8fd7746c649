import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { ParsedEvent } from "../protocol/index.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import { createElection } from "./election.ts"
import { fault } from "./request.ts"

export interface SharedOptions {
  /** Tabs with the same channel share a connection. Add the user id if one browser can have several users. @default the URL */
  readonly channel?: string
  /** How many of the newest events a tab receives when it joins. @default 0 */
  readonly replay?: number
  /** A tab with more unread events than this reads by its own connection until it has caught up. @default 1_000 */
  readonly maxWaiting?: number
}

export interface SharedSetting {
  readonly url: string
  /** What this tab carries on after; "" when it takes what comes. */
  readonly lastEventId: string
  readonly clock: Clock
  readonly owner: ConnectionOwner
  /** How many events the owner has not taken yet. */
  waiting(): number
  /** Makes a connection of this tab's own. */
  make(lastEventId: string, owner: ConnectionOwner): Connection
}

/**
 * A place in the sequence of events that all tabs get. Numbers compare within one `line`: a leader that takes over counts on from where
 * it is itself, and since a server resumes exactly, its events get the numbers they would have had from the leader before.
 */
interface SharedPosition {
  readonly line: string
  /** Events so far. */
  readonly n: number
  /** The last event id there. */
  readonly id: string
  /** It is after a gap, which has no id of its own: whoever has the same id may not have been told. */
  readonly isGap: boolean
}

/** How the leader's connection stands; an error with a `delay` is one it comes again after. */
type State =
  | "connecting"
  | "open"
  | "ended"
  | (Pick<OnwardError, "code" | "message" | "status"> & { readonly delay?: number | undefined })

type Message =
  /** From the leader: `events` lead to `place`. */
  | { readonly place: SharedPosition; readonly events: readonly ParsedEvent[] }
  /** From the leader, asked: where it is, and the newest events before that. */
  | { readonly place: SharedPosition; readonly replay: readonly ParsedEvent[] }
  | { readonly state: State }
  /** From any tab: is the leader there? */
  | { readonly ask: true }

/** How often a tab that somebody looks at asks, in ms. */
const ASK = 10_000
/** A leader that does not answer for so long, in ms, is frozen, and another takes its place. */
const DEAF = 2_000
/** Ids a tab that is apart remembers, to be met at. */
const REMEMBERED = 1_000

/** Whether the platform has what sharing takes: Web Locks are for secure contexts only. */
export const canShare = (): boolean => Boolean(globalThis.navigator?.locks && globalThis.BroadcastChannel)

/**
 * A connection that tabs have together: one leads, reads and tells the others. Whoever is not in step (too slow, a message lost, another
 * place to begin at) is apart: it reads by a connection of its own until it is at an event where the others are too. So nothing is
 * lost or doubled.
 */
export function createSharedConnection(
  { channel, replay = 0, maxWaiting = 1_000 }: SharedOptions,
  setting: SharedSetting,
): Connection {
  const { clock, owner } = setting
  // with the version of what tabs say to each other: after a deploy, old ones and new ones are there side by side
  const name = `onward/1:${channel ?? setting.url}`
  const broadcast = new BroadcastChannel(name)
  let role: "joining" | "following" | "apart" | "leading" = "joining"
  /** Where this tab is, as the others count; when it is apart, where they are. */
  let place: SharedPosition = { line: "", n: 0, id: setting.lastEventId, isGap: false }
  let state: State = "connecting"
  /** This tab's connection, while it leads or is apart. */
  let own: Connection | undefined
  /** Events of it that the others are still to be told, or ids of those they may be met at. */
  let batch: ParsedEvent[] = []
  let recent: string[] = []
  /** The newest events, for tabs that join. */
  const newest: ParsedEvent[] = []
  /** The last event this tab got was a gap. */
  let isGap = false
  let isOver = false
  let stopAsking: (() => void) | undefined
  let stopWaiting: (() => void) | undefined
  let settle: { resolve(): void; reject(error: unknown): void }

  const election = createElection(
    name,
    () => {
      stopWaiting?.()
      // whoever leads without having followed, or without an id to carry on from, begins to count
      if (role !== "following" || place.id === "")
        place = { line: crypto.randomUUID(), n: 0, id: own?.lastEventId ?? place.id, isGap }
      role = "leading"
      if (!own) open()
    },
    () => {
      flush()
      shut()
      role = "following"
      election.stand()
      ask()
    },
  )

  const post = (message: Message): void => broadcast.postMessage(message)

  function open(): void {
    const mine = (own = setting.make(place.id, ownOwner))
    mine.run().then(
      () => {
        if (mine !== own) return
        tell("ended")
        settle.resolve()
      },
      (error: unknown) => {
        if (mine !== own) return
        if (error instanceof OnwardError) tell(plain(error))
        settle.reject(error)
      },
    )
  }

  function shut(): void {
    own?.close()
    own = undefined
    batch = []
    recent = []
  }

  function tell(next: State): void {
    state = next
    if (role === "leading") post({ state })
  }

  const ownOwner: ConnectionOwner = {
    onConnecting(attempt) {
      tell("connecting")
      owner.onConnecting?.(attempt)
    },
    onOpen(response) {
      tell("open")
      owner.onOpen(response)
    },
    onReconnecting(error, delay) {
      flush()
      tell(plain(error, delay))
      owner.onReconnecting(error, delay)
    },
    onEvent(event) {
      if (role === "leading") {
        // those who are ahead of us have numbered what the gap cut out
        if (event.event === "stream.gap") flush(crypto.randomUUID())
        if (event.event !== "stream.error") batch.push(event)
      } else if (event.event === "stream.gap") {
        // what the others got there we did not
        recent = []
      } else {
        recent.push(event.id)
        if (recent.length > 2 * REMEMBERED) recent = recent.slice(-REMEMBERED)
      }
      deliver(event)
      if (event.id === place.id) rejoin()
    },
    room() {
      flush()
      stepDown()
      return role === "leading" && setting.waiting() < maxWaiting ? undefined : owner.room?.()
    },
  }

  /** Tells the others what came, checkpoints included; with a `line`, that another begins. */
  function flush(line?: string): void {
    if (role !== "leading" || !own) return
    const n = place.n + batch.length
    if (n > place.n || own.lastEventId !== place.id || line) {
      place = { ...place, n, id: own.lastEventId, isGap }
      post({ place, events: batch })
      batch = []
    }
    if (!line) return
    place = { ...place, line }
    post({ place, events: [] })
  }

  function onMessage(message: Message): void {
    if ("ask" in message) {
      flush()
      stepDown()
      if (role !== "leading") return
      post({ place, replay: newest })
      post({ state })
      return
    }
    if (role === "leading") return
    stopWaiting?.()
    if ("state" in message) return role === "apart" ? undefined : onState(message.state)
    const { place: there } = message
    if (role === "apart") {
      place = there
      rejoin()
    } else if ("replay" in message) {
      if (role === "joining" && place.id === "") {
        role = "following"
        place = there
        deliverAll(replay > 0 ? message.replay.slice(-replay) : [])
      } else followLeader(there)
    } else if (role === "following" && there.line === place.line) {
      const news = there.n - place.n
      if (news > message.events.length) readAlone(there)
      else if (news >= 0) {
        place = there
        deliverAll(message.events.slice(message.events.length - news))
        if (setting.waiting() > maxWaiting && !isOver) readAlone(there)
      }
    } else if (role === "following") followLeader(there)
  }

  function deliverAll(events: readonly ParsedEvent[]): void {
    for (const event of events) if (!isOver) deliver(event)
  }

  function deliver(event: ParsedEvent): void {
    isGap = event.event === "stream.gap"
    if (newest.push(event) > replay) newest.shift()
    owner.onEvent(event)
  }

  /** In step already, or apart until we are. */
  function followLeader(there: SharedPosition): void {
    if (there.line === place.line ? there.n > place.n : there.isGap || there.id !== place.id) readAlone(there)
    else {
      role = "following"
      if (there.line !== place.line) place = there
    }
  }

  /** One that is too slow holds up nobody: another leads, if there is one, and it reads on for itself. */
  function stepDown(): void {
    // without an id nobody could carry on from here
    if (role !== "leading" || setting.waiting() < maxWaiting || place.id === "") return
    role = "apart"
    recent = [place.id]
    election.stand()
  }

  function readAlone(there: SharedPosition): void {
    role = "apart"
    recent = [place.id]
    open()
    place = there
  }

  /** Back in step when the others are at an event we had, however many we are ahead. */
  function rejoin(): void {
    if (role !== "apart" || place.isGap || place.id === "") return
    const at = recent.lastIndexOf(place.id)
    if (at === -1) return
    place = { ...place, n: place.n + recent.length - 1 - at, id: recent.at(-1) as string }
    shut()
    role = "following"
  }

  function onState(there: State): void {
    state = there
    if (state === "connecting") owner.onConnecting?.({ number: 0, lastEventId: place.id, error: undefined })
    else if (state === "open") owner.onOpen(undefined)
    else if (state === "ended") settle.resolve()
    else {
      const error = fault(state.code, state.message, state.status)
      if (state.delay === undefined) settle.reject(error)
      else owner.onReconnecting(error, state.delay)
    }
  }

  /** Asks where the leader is; one that says nothing sleeps, and is replaced while somebody looks at this tab. */
  function ask(): void {
    stopAsking?.()
    stopWaiting?.()
    stopAsking = clock.after(ASK, ask)
    if (role === "leading" || (role !== "joining" && globalThis.document?.hidden)) return
    post({ ask: true })
    stopWaiting = clock.after(DEAF, () => election.stand(true))
  }

  return {
    run: () =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject }
        broadcast.onmessage = ({ data }: MessageEvent<Message>) => {
          try {
            onMessage(data)
          } catch (error) {
            settle.reject(error)
          }
        }
        election.stand()
        ask()
      }),
    close() {
      if (isOver) return
      isOver = true
      flush()
      stopAsking?.()
      stopWaiting?.()
      place = { ...place, id: own?.lastEventId ?? place.id }
      shut()
      election.withdraw()
      broadcast.close()
      settle.resolve()
    },
    wake(isLost) {
      if (own) own.wake(isLost)
      else ask()
    },
    reset() {},
    get lastEventId() {
      return own?.lastEventId ?? place.id
    },
    reconnectionTime: 0,
  }
}

const plain = ({ code, message, status }: OnwardError, delay?: number): State => ({ code, message, status, delay })
