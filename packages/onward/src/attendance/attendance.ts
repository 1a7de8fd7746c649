import { OnwardError } from "../errors.ts"
import { followTopic, internalsOf, type Hub } from "../hub/index.ts"
import { kindOf } from "../kind.ts"
import { createEpoch, repeatsOf } from "../log/index.ts"
import type { Message, Position, StoredMessage } from "../message.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import { turnsOf } from "../turns.ts"
import { readReport, writeReport, type Report, type ReportedMember } from "./report.ts"
import { Roster, type KnownMember } from "./roster.ts"

export interface AttendanceOptions {
  /** Its name: processes that share the log share the attendance of this name. At most 64 characters. */
  readonly name: string
  /** What is published when a member has left. Called in one process for each that leaves; topics of any name are allowed. */
  readonly onLeave: (member: AttendanceMember) => readonly Message[]
  /** How long a member that has no connection any more may return unnoticed, in ms. @default 3_000 */
  readonly grace?: number
  /** How often a process shows that it runs while there are others, in ms. After three missed times its members have left. @default 5_000 */
  readonly interval?: number
  /** Most members of one process. @default 50_000 */
  readonly maxMembers?: number
}

/** A live connection, or another thing that is present as long as its process says so. */
export interface AttendanceMember {
  readonly id: string
  /** What `join` was given, as JSON keeps it. */
  readonly data: unknown
}

export interface JoinOptions {
  /** The id of a new member, unique in all processes. */
  readonly id: string
  /** JSON data that `list` returns. */
  readonly data: unknown
  /** Its identity, such as a user id. With `returns`, a member of the same identity that is away returns instead, with its id and data. */
  readonly identity?: string
  /** Whether it may be one that returns. @default false */
  readonly returns?: boolean
  /** Published together with the member's entry, unless it returns. Topics of any name are allowed. @default nothing */
  readonly announce?: readonly Message[]
}

export interface Joined extends AttendanceMember {
  /** Whether a member that was away returned. */
  readonly isBack: boolean
  /** Its connection has ended. */
  leave(): void
}

export interface Attendance {
  /** Adds a member. Resolves when the log has stored it: from then on, `list` in each process returns it. */
  join(options: JoinOptions): Promise<Joined>
  /** All members of all processes now, those that may still return included, and the position in the log at which it is true. */
  list(): Promise<{ readonly members: readonly AttendanceMember[]; readonly last: Position }>
  /** Stops. The members of this process have left if they do not return elsewhere. */
  close(): Promise<void>
}

/** Keeps the list of members, across all processes that share the log. They communicate by the log only. */
export function createAttendance(hub: Hub, options: AttendanceOptions): Attendance {
  checkNames("createAttendance", options, ["name", "onLeave", "grace", "interval", "maxMembers"])
  checkKinds("createAttendance", options, { name: "a string", onLeave: "a function" })
  const { name, onLeave, maxMembers = 50_000 } = options
  if (typeof name !== "string" || !/^[\w-]{1,64}$/.test(name)) {
    throw new TypeError(`createAttendance: \`name\` must be 1 to 64 letters, digits, - and _, not ${kindOf(name)}.`)
  }
  if (typeof onLeave !== "function") {
    throw new TypeError("createAttendance needs `onLeave`. Pass for instance () => [].")
  }
  if (typeof maxMembers !== "number" || !(maxMembers >= 0)) {
    throw new TypeError(`createAttendance: \`maxMembers\` must be a number, 0 or more, not ${kindOf(maxMembers)}.`)
  }
  const grace = durationOf("createAttendance: `grace`", options.grace, 3_000)
  const interval = durationOf("createAttendance: `interval`", options.interval, 5_000)
  const internals = internalsOf(hub)
  const { context } = internals
  const { clock } = context
  const turns = turnsOf(clock)
  const topic = `stream.attendance/${name}`
  const me = createEpoch()
  const roster = new Roster(me)
  /** The members with a connection in this process, with what was announced of them. */
  const mine = new Map<string, readonly Message[]>()
  /** Those that may return, by id, with the undo of their timer. */
  const waiting = new Map<string, () => void>()
  /** Whether what is heard is news, and not history. */
  let isLive = false
  let isClosed = false
  /** Since when the answers of the others are awaited. */
  let asked: Promise<void> | undefined

  const isOver = (): boolean => isClosed || context.isClosed
  async function tell(report: Report, times?: number, more: readonly StoredMessage[] = []): Promise<boolean> {
    const appended = await internals.append([writeReport(topic, report, times), ...more])
    return repeatsOf(appended)[0] !== true
  }

  /** Tells until the log has stored it. */
  const tellSoon = (report: Report, times?: number): Promise<boolean | undefined> =>
    context.retryUntil(
      () => tell(report, times),
      () => context.isClosed,
    )

  function hear(report: Report): void {
    const { from } = report
    const member = "id" in report ? roster.members.get(report.id) : undefined
    for (const node of roster.take(report)) for (const each of roster.at(node)) settleSoon(each)
    if (report.is === "ask" && from !== me && isLive) answer()
    else if (report.is === "bye") for (const each of roster.at(from)) wait(each)
    else if (report.is === "away" && from === me && member?.isAway) wait(member)
    else if (report.is === "back" || report.is === "left") stopWaiting(report.id)
    if (report.is === "left" && member) restore(member)
    schedule()
  }

  function stopWaiting(id: string): void {
    waiting.get(id)?.()
    waiting.delete(id)
  }

  /** This process stood still for so long that others counted it as gone: its members join again. */
  function restore({ id, times, identity, data }: KnownMember): void {
    const announced = mine.get(id)
    if (!announced) return
    const report = hereOf([{ id, times: times + 1, identity, data }])
    void context.retryUntil(() => tell(report, undefined, internals.stored(announced)), isOver)
  }

  const hereOf = (members: readonly ReportedMember[]): Report => ({
    is: "here",
    from: me,
    members: members.map(({ id, times, identity, data }) => ({ id, times, identity, data })),
  })

  function answer(): void {
    const members = roster.at(me)
    // a few at a time, because a message has a maximum size
    for (let i = 0; i === 0 || i < members.length; i += 50) {
      void tellSoon(hereOf(members.slice(i, i + 50)))
    }
  }

  /** It has left unless it returns within the grace period. */
  function wait(member: KnownMember): void {
    if (waiting.has(member.id)) return
    waiting.set(
      member.id,
      clock.after(grace, () => {
        waiting.delete(member.id)
        settleSoon(member)
      }),
    )
  }

  /** In a turn that has time, because all members of a process can leave at once. */
  const settleSoon = (member: KnownMember): void => turns.later(() => void settle(member))

  /** The process that is first to store that a member has left publishes what belongs to it. */
  async function settle({ id, data, times }: KnownMember): Promise<void> {
    const isFirst = await tellSoon({ is: "left", from: me, id }, times)
    if (isFirst !== true) return
    const messages = internals.stored(onLeave({ id, data }))
    if (messages.length > 0)
      await context.retryUntil(
        () => internals.append(messages),
        () => context.isClosed,
      )
  }

  const followed = followTopic(internals, topic, "earliest", {
    onEntries(entries) {
      for (const { data } of entries) {
        const report = readReport(data)
        if (report) hear(report)
      }
      return true
    },
    onLost: () => ask(),
  })

  /** Asks the others for their members, and waits for their answers. */
  function ask(): void {
    asked = tellSoon({ is: "ask", from: me }).then(
      () => new Promise((resolve) => void clock.after(Math.min(1_000, interval), resolve)),
    )
  }

  let cancelBeat: (() => void) | undefined
  function schedule(): void {
    if (cancelBeat || roster.isAlone || isOver()) return
    cancelBeat = clock.after(interval, () => {
      cancelBeat = undefined
      if (!roster.isAlone) void tellSoon({ is: "beat", from: me }).then(schedule)
    })
  }

  /** Resolves when this process knows everything that the log holds. */
  async function refresh(): Promise<void> {
    await followed.refresh()
    if (!asked) return
    await asked
    await followed.refresh()
  }

  // others may run that have said nothing for long
  void tellSoon({ is: "ask", from: me })
  void followed.refresh().then(
    () => (isLive = true),
    () => (isLive = true),
  )

  async function comeBack({ identity, returns }: JoinOptions): Promise<KnownMember | undefined> {
    if (!returns || identity === undefined) return undefined
    await refresh()
    for (const member of roster.awayAs(identity)) {
      if (await tell({ is: "back", from: me, id: member.id }, member.times)) return member
    }
    return undefined
  }

  return {
    async join(given) {
      checkNames("join", given, ["id", "data", "identity", "returns", "announce"])
      if (isOver()) throw new OnwardError("hub_closed", "The hub is closed. Connect to another process.")
      if (mine.size >= maxMembers) {
        throw new OnwardError(
          "too_many_connections",
          `Member limit reached (maxMembers = ${maxMembers}). Retry later or raise the limit.`,
        )
      }
      const back = await comeBack(given)
      const { id, data, identity, announce = [] } = back ? { ...given, ...back } : given
      if (!back) {
        await tell(hereOf([{ id, times: 0, identity, data }]), undefined, internals.stored(announce))
      }
      mine.set(id, announce)
      let hasLeft = false
      return {
        id,
        data,
        isBack: back !== undefined,
        leave() {
          if (hasLeft) return
          hasLeft = true
          mine.delete(id)
          void tellSoon({ is: "away", from: me, id })
        },
      }
    },

    async list() {
      await refresh()
      const members = [...roster.members.values()].map(({ id, data }) => ({ id, data }))
      return { members, last: context.tail.position }
    },

    async close() {
      if (isClosed) return
      isClosed = true
      cancelBeat?.()
      for (const cancel of waiting.values()) cancel()
      waiting.clear()
      await tell({ is: "bye", from: me }).catch(() => {})
      followed.stop()
    },
  }
}
