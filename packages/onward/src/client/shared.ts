import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { ParsedEvent } from "../protocol/index.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import { createElection } from "./election.ts"
import { fault } from "./request.ts"

export interface SharedOptions {
  /** Tabs with the same channel share a connection. Add the user id if one browser can have several users. @default the URL */
  readonly channel?: string
  /** Number of the newest events that a tab receives when it joins. @default 0 */
  readonly replay?: number
  /** Maximum number of undelivered events of a tab. A tab with more reads over its own connection until it has caught up. @default 1_000 */
  readonly maxWaiting?: number
}

export interface SharedSetting {
  readonly url: string
  /** The id after which this tab resumes; "" to start with the next event. */
  readonly lastEventId: string
  readonly clock: Clock
  readonly owner: ConnectionOwner
  /** Returns the number of undelivered events. */
  waiting(): number
  /** Creates a connection for this tab alone. */
  make(lastEventId: string, owner: ConnectionOwner): Connection
}

/**
 * A position in the sequence of events that all tabs receive. Numbers are comparable within one `series`: a new leader counts from its own
 * position, and because a server resumes exactly, its events get the same numbers as from the previous leader.
 */
interface SharedPosition {
  readonly series: string
  /** Number of events up to here. */
  readonly n: number
  /** The last event id up to here. */
  readonly id: string
  /** The id of the last event; `id` can be that of a later checkpoint. */
  readonly eventId: string
  /** Whether the last event is a gap. It has no id, so a tab with the same id may not have received it. */
  readonly isGap: boolean
}

/** The state of the leader's connection. After an error with a `delay`, the leader reconnects. */
type State =
  | "connecting"
  | "open"
  | "ended"
  | (Pick<OnwardError, "code" | "message" | "status"> & { readonly delay?: number | undefined })

type Message =
  /** From the leader: the next events, the position after them, and the id of the event before them. */
  | { readonly position: SharedPosition; readonly before: string; readonly events: readonly ParsedEvent[] }
  /** The leader's answer to `ask`: its position, and the newest events before it. */
  | { readonly position: SharedPosition; readonly replay: readonly ParsedEvent[] }
  | { readonly state: State }
  /** From any tab: asks the leader for its position. */
  | { readonly ask: true }

/** Interval at which a visible tab asks for the leader, in ms. */
const ASK_INTERVAL = 10_000
/** A leader that does not answer within this time, in ms, is frozen, and is replaced. */
const ANSWER_TIMEOUT = 2_000
/** Number of ids that a tab reading alone remembers, to find an event that the other tabs have reached. */
const REMEMBERED = 1_000

/** Whether the platform has what sharing needs. Web Locks exist only in secure contexts. */
export const canShare = (): boolean => Boolean(globalThis.navigator?.locks && globalThis.BroadcastChannel)

/**
 * A connection that tabs share: one tab leads, reads, and sends the events to the others. A tab that cannot follow (it is too slow, missed a
 * message, or starts at another position) reads alone, over its own connection, until it reaches an event that the others have reached. So no
 * event is lost or repeated.
 */
export function createSharedConnection(
  { channel, replay = 0, maxWaiting = 1_000 }: SharedOptions,
  setting: SharedSetting,
): Connection {
  const { clock, owner } = setting
  // with the version of the messages, because old and new tabs exist side by side after a deploy
  const name = `onward/2:${channel ?? setting.url}`
  const broadcast = new BroadcastChannel(name)
  let role: "joining" | "following" | "alone" | "leading" = "joining"
  /** This tab's position; while it reads alone, that of the others. */
  let position: SharedPosition = { series: "", n: 0, id: setting.lastEventId, eventId: "", isGap: false }
  let state: State = "connecting"
  /** This tab's connection, while it leads or reads alone. */
  let own: Connection | undefined
  /** As leader: events that are not sent to the others yet. Alone: the last ids that were read. */
  let batch: ParsedEvent[] = []
  let recent: string[] = []
  /** The newest events, for tabs that join. */
  const newest: ParsedEvent[] = []
  /** Whether the last event of this tab was a gap. */
  let isGap = false
  /**
   * Whether events are being taken. If a script begins when it is set, the one before was stopped: when the process of a closed tab ends, Firefox
   * stops the script that is running, at any place, but still runs later ones, such as listeners of `pagehide`. What the tab knows can be wrong then,
   * so it says nothing to the others.
   */
  let isTaking = false
  let isOver = false
  let stopAsking: (() => void) | undefined
  let stopAnswerTimer: (() => void) | undefined
  let settle: { resolve(): void; reject(error: unknown): void }

  const election = createElection(
    name,
    () => {
      stopAnswerTimer?.()
      // a leader that did not follow, or has no id to resume after, starts to count
      if (role !== "following" || position.id === "")
        position = {
          series: crypto.randomUUID(),
          n: 0,
          id: recent.at(-1) ?? own?.lastEventId ?? position.id,
          eventId: "",
          isGap,
        }
      role = "leading"
      if (!own) open()
    },
    () => {
      role = "following"
      closeOwn()
      election.stand()
      askLeader()
    },
  )

  const post = (message: Message): void => {
    if (!isOver) broadcast.postMessage(message)
  }

  function open(): void {
    const created = (own = setting.make(position.id, ownOwner))
    created.run().then(
      () => {
        if (created !== own) return
        // if this tab reads alone, its script can have been stopped while it closed the connection
        if (role === "leading") setState("ended")
        settle.resolve()
      },
      (error: unknown) => {
        if (created !== own) return
        if (error instanceof OnwardError) setState(plain(error))
        settle.reject(error)
      },
    )
  }

  function closeOwn(): void {
    own?.close()
    own = undefined
    batch = []
    recent = []
  }

  function setState(next: State): void {
    state = next
    if (role === "leading") post({ state })
  }

  const ownOwner: ConnectionOwner = {
    onConnecting(attempt) {
      setState("connecting")
      owner.onConnecting?.(attempt)
    },
    onOpen(response) {
      setState("open")
      owner.onOpen(response)
    },
    onReconnecting(error, delay) {
      flush()
      isTaking = false
      setState(plain(error, delay))
      owner.onReconnecting(error, delay)
    },
    onEvent(event) {
      isTaking = true
      if (role === "leading") {
        // a tab that is ahead has counted the events that this leader lost
        if (event.event === "stream.gap") flush(crypto.randomUUID())
        // it concerns this connection, so it is not one of the events that all tabs count
        if (event.event !== "stream.error") batch.push(event)
      } else if (event.event === "stream.gap") {
        // the others received the events that this tab lost
        recent = []
      } else if (event.event !== "stream.error") {
        recent.push(event.id)
        if (recent.length > 2 * REMEMBERED) recent = recent.slice(-REMEMBERED)
      }
      deliver(event)
      if (event.id === position.id) rejoin()
      // it follows again, and takes nothing more from its own connection
      if (!own) isTaking = false
    },
    room() {
      flush()
      isTaking = false
      stepDown()
      return role === "leading" && setting.waiting() < maxWaiting ? undefined : owner.room?.()
    },
  }

  /** Sends new events and checkpoints to the others. With a `series`, starts that one afterwards. */
  function flush(series?: string): void {
    if (role !== "leading" || !own) return
    const n = position.n + batch.length
    if (n > position.n || own.lastEventId !== position.id || series) {
      const before = position.eventId
      position = { ...position, n, id: own.lastEventId, eventId: batch.at(-1)?.id ?? before, isGap }
      post({ position, before, events: batch })
      batch = []
    }
    if (!series) return
    position = { ...position, series }
    post({ position, before: position.eventId, events: [] })
  }

  function onMessage(message: Message): void {
    if ("ask" in message) {
      stepDown()
      if (role !== "leading" || isTaking) return
      post({ position, replay: newest })
      post({ state })
      return
    }
    if (role === "leading") return
    stopAnswerTimer?.()
    if ("state" in message) return role === "alone" ? undefined : onState(message.state)
    const { position: leaders } = message
    if (role === "alone") {
      position = leaders
      rejoin()
    } else if ("replay" in message) {
      if (role === "joining" && position.id === "") {
        role = "following"
        take(leaders, replay > 0 ? message.replay.slice(-replay) : [])
      } else followLeader(leaders)
    } else if (role === "following" && leaders.series === position.series) {
      const { before, events } = message
      /** Number of these events that this tab has received; if it is ahead, more than there are. */
      const known = events.length - (leaders.n - position.n)
      // leaders number events differently if the server sent some of them an event without an id
      const isOther = known <= events.length && (events[known - 1]?.id ?? before) !== position.eventId
      if (known < 0 || isOther) readAlone(leaders)
      else if (known <= events.length) {
        take(leaders, events.slice(known))
        if (setting.waiting() > maxWaiting && !isOver) readAlone(leaders)
      }
    } else if (role === "following") followLeader(leaders)
  }

  /** Delivers events up to a position. If an event closes the stream, this tab's position is that of the event. */
  function take(end: SharedPosition, events: readonly ParsedEvent[]): void {
    isTaking = true
    let n = end.n - events.length
    for (const event of events) {
      position = { series: end.series, n: ++n, id: event.id, eventId: event.id, isGap: event.event === "stream.gap" }
      deliver(event)
      if (isOver) return
    }
    position = end
    isTaking = false
  }

  function deliver(event: ParsedEvent): void {
    isGap = event.event === "stream.gap"
    if (newest.push(event) > replay) newest.shift()
    owner.onEvent(event)
  }

  /** Follows the leader if this tab has received all events up to the leader's position; otherwise reads alone. */
  function followLeader(leaders: SharedPosition): void {
    const isSameSeries = leaders.series === position.series
    const isBehind = leaders.n > position.n || (leaders.n === position.n && leaders.eventId !== position.eventId)
    if (isSameSeries ? isBehind : leaders.isGap || leaders.id !== position.id) readAlone(leaders)
    else {
      role = "following"
      if (!isSameSeries) position = leaders
    }
  }

  /** Makes a leader that is too slow read alone, so that the other tabs do not wait for it. */
  function stepDown(): void {
    // without an id, no tab can resume from here
    if (role !== "leading" || setting.waiting() < maxWaiting || position.id === "") return
    role = "alone"
    recent = [position.id]
    election.stand()
  }

  function readAlone(leaders: SharedPosition): void {
    role = "alone"
    recent = [position.id]
    open()
    position = leaders
  }

  /** Follows again when the others have reached an event that this tab has read, even if it is ahead. */
  function rejoin(): void {
    if (role !== "alone" || position.isGap || position.id === "") return
    const at = recent.lastIndexOf(position.id)
    if (at === -1) return
    const ahead = recent.length - 1 - at
    const id = recent.at(-1) as string
    position = { ...position, n: position.n + ahead, id, eventId: ahead > 0 ? id : position.eventId }
    closeOwn()
    role = "following"
  }

  function onState(next: State): void {
    state = next
    if (state === "connecting") owner.onConnecting?.({ number: 0, lastEventId: position.id, error: undefined })
    else if (state === "open") owner.onOpen(undefined)
    else if (state === "ended") settle.resolve()
    else {
      const error = fault(state.code, state.message, state.status)
      if (state.delay === undefined) settle.reject(error)
      else owner.onReconnecting(error, state.delay)
    }
  }

  /** Asks for the leader's position. A visible tab replaces a leader that does not answer. */
  function askLeader(): void {
    stopAsking?.()
    stopAnswerTimer?.()
    stopAsking = clock.after(ASK_INTERVAL, askLeader)
    if (role === "leading" || (role !== "joining" && globalThis.document?.hidden)) return
    post({ ask: true })
    stopAnswerTimer = clock.after(ANSWER_TIMEOUT, () => election.stand(true))
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
        askLeader()
      }),
    close() {
      if (isOver) return
      isOver = true
      stopAsking?.()
      stopAnswerTimer?.()
      position = { ...position, id: own?.lastEventId ?? position.id }
      closeOwn()
      election.withdraw()
      broadcast.close()
      settle.resolve()
    },
    wake(isLost) {
      if (own) own.wake(isLost)
      else askLeader()
    },
    reset() {},
    get lastEventId() {
      return own?.lastEventId ?? position.id
    },
    reconnectionTime: 0,
  }
}

const plain = ({ code, message, status }: OnwardError, delay?: number): State => ({ code, message, status, delay })
