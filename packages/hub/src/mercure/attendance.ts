import type { Hub, Log, Message, Position } from "onward"

/** A stream that others are told of. */
export interface Attendee<Data> {
  readonly id: string
  readonly data: Data
}

export interface JoinOptions<Data> {
  /** The id, unless the stream takes the place of one that has just ended. */
  readonly id: string
  /** Streams with the same identity can take each other's place. @default none can */
  readonly identity?: string
  readonly data: Data
  /** The messages that tell of the stream. */
  readonly announce: (id: string) => Message[]
  /** Whether the client resumes an earlier stream. */
  readonly resumes: boolean
}

/** Which streams are open. */
export interface Attendance<Data> {
  /** Resolves once the stream is listed, and the log holds the messages that tell of it. */
  join(options: JoinOptions<Data>): Promise<{ readonly id: string; leave(): void }>
  /** The open streams, and the position in the log up to which that is true. */
  list(): Promise<{ readonly members: readonly Attendee<Data>[]; readonly last: Position }>
  /** Tells of the end of all streams. */
  close(): Promise<void>
}

export interface AttendanceOptions<Data> {
  readonly hub: Hub
  readonly log: Log
  /** How long after its end a stream is told as ended, in ms: a client that reconnects within it takes its place. */
  readonly grace: number
  /** The messages that tell of the end of a stream. */
  readonly onLeave: (member: Attendee<Data>) => Message[]
  readonly onError: (error: unknown) => void
}

/** Keeps the streams of this process. */
export function createAttendance<Data>(options: AttendanceOptions<Data>): Attendance<Data> {
  const { hub, log, grace, onLeave, onError } = options
  const members = new Map<string, Attendee<Data>>()
  /** Streams that ended, until that is told. */
  const leaving = new Map<string, { readonly member: Attendee<Data>; readonly timer: NodeJS.Timeout }>()

  const publish = (messages: readonly Message[]): Promise<unknown> =>
    messages.length === 0 ? Promise.resolve() : hub.publishResults(messages, { anyTopic: true })

  async function end(member: Attendee<Data>): Promise<void> {
    members.delete(member.id)
    await publish(onLeave(member)).catch(onError)
  }

  return {
    async join({ id, identity = id, data, announce, resumes }) {
      const earlier = resumes ? leaving.get(identity) : undefined
      if (earlier) {
        clearTimeout(earlier.timer)
        leaving.delete(identity)
      }
      const member = earlier?.member ?? { id, data }
      members.set(member.id, member)
      let hasLeft = false
      const joined = {
        id: member.id,
        leave() {
          if (hasLeft) return
          hasLeft = true
          // of two streams with one identity, the first one that ended is told at once
          const before = leaving.get(identity)
          if (before) {
            clearTimeout(before.timer)
            void end(before.member)
          }
          const timer = setTimeout(() => {
            leaving.delete(identity)
            void end(member)
          }, grace).unref()
          leaving.set(identity, { member, timer })
        },
      }
      if (!earlier) await publish(announce(member.id))
      return joined
    },

    async list() {
      const { last } = await log.bounds()
      return { members: [...members.values()], last }
    },

    async close() {
      for (const { timer } of leaving.values()) clearTimeout(timer)
      leaving.clear()
      await Promise.all([...members.values()].map(end))
    },
  }
}
