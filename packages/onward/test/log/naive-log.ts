import { byteLength } from "../../src/bytes.ts"
import {
  formatPosition,
  parsePosition,
  type Entry,
  type Landmark,
  type Loss,
  type Page,
  type Position,
  type ReadQuery,
  type Retention,
  type StoredMessage,
} from "../../src/log/index.ts"

type Stored = Entry & { sequence: number; isGone: boolean }

/** A log as plainly as it can be written: one array, every question answered by going through all of it. */
export class NaiveLog {
  readonly epoch: string
  readonly retention: Retention
  readonly all: Stored[] = []
  time = 0

  constructor(epoch: string, retention: Retention) {
    this.epoch = epoch
    this.retention = retention
  }

  get last(): number {
    return this.all.length
  }

  get kept(): Stored[] {
    return this.all.filter((entry) => !entry.isGone)
  }

  get first(): number {
    const [oldest] = this.kept
    return oldest ? oldest.sequence - 1 : this.last
  }

  at = (sequence: number): Position => formatPosition(this.epoch, sequence)

  append(messages: readonly StoredMessage[], now: number): { positions: Position[]; previous: Position; time: number } {
    this.trim(now)
    const time = Math.max(this.time, now)
    const previous = this.at(this.last)
    const positions = messages.map((message) => {
      const { topic, id, idempotencyKey: key } = message
      const sameTopic = this.kept.filter((entry) => entry.topic === topic)
      const twin =
        sameTopic.find((entry) => id !== undefined && entry.id === id) ??
        sameTopic.find((entry) => key !== undefined && entry.idempotencyKey === key)
      if (twin) return twin.position
      const sequence = this.last + 1
      this.all.push({ ...message, position: this.at(sequence), time, sequence, isGone: false })
      this.time = time
      return this.at(sequence)
    })
    this.trim(now)
    return { positions, previous, time }
  }

  trim(now: number): void {
    const time = Math.max(this.time, now)
    const { topic = {}, ...whole } = this.retention
    for (const name of new Set(this.kept.map((entry) => entry.topic))) {
      this.#limit(topic, time, (entry) => entry.topic === name)
    }
    this.#limit(whole, time, () => true)
  }

  #limit(
    { count = Infinity, bytes = Infinity, age = Infinity }: Retention,
    now: number,
    isMeant: (entry: Entry) => boolean,
  ): void {
    for (;;) {
      const kept = this.kept.filter(isMeant)
      const size = kept.reduce((sum, entry) => sum + sizeOf(entry), 0)
      const [oldest] = kept
      if (!oldest || (kept.length <= count && size <= bytes && oldest.time >= now - age)) return
      oldest.isGone = true
    }
  }

  read({ after, topics, limit }: ReadQuery): Page {
    const isMeant = (entry: Entry): boolean => !topics || topics.includes(entry.topic)
    const parsed = parsePosition(after)
    let from = parsed?.sequence ?? 0
    let lost: Loss | undefined
    if (parsed?.epoch !== this.epoch) {
      from = this.first
      lost = { reason: "epoch", to: this.at(from) }
    } else if (from > this.last) {
      from = this.last
      lost = { reason: "unknown", to: this.at(from) }
    } else {
      const gone = this.all.filter((entry) => entry.isGone && entry.sequence > from && isMeant(entry))
      const newest = gone.at(-1)
      if (newest) {
        lost = {
          reason: "trimmed",
          to: newest.position,
          topics: new Map(gone.map(({ topic, position }) => [topic, position])),
        }
      }
    }
    const matching = this.kept.filter((entry) => entry.sequence > from && isMeant(entry))
    const entries = matching.slice(0, limit)
    const next = entries.length === limit ? (entries.at(-1)?.position ?? "") : this.at(this.last)
    return { entries: entries.map(asGiven), next, ...(lost && { lost }) }
  }

  bounds(): { first: Position; last: Position } {
    return { first: this.at(this.first), last: this.at(this.last) }
  }

  locate(landmark: Landmark): Position | undefined {
    if ("id" in landmark) {
      const { id, topics, matches = () => topics === undefined } = landmark
      const isMeant = ({ topic }: Entry): boolean => topics?.includes(topic) === true || matches(topic)
      return this.kept.find((entry) => entry.id === id && isMeant(entry))?.position
    }
    if ("since" in landmark) {
      const entry = this.kept.find(({ time }) => time >= landmark.since)
      return this.at(entry ? entry.sequence - 1 : this.last)
    }
    if (landmark.last === 0) return this.at(this.last)
    const entry = this.kept.filter(({ topic }) => landmark.topics?.includes(topic) ?? true).at(-landmark.last)
    return this.at(entry ? entry.sequence - 1 : this.first)
  }
}

const asGiven = ({ sequence: _sequence, isGone: _isGone, ...entry }: Stored): Entry => entry

const sizeOf = ({ topic, event = "", id = "", idempotencyKey: key = "", data }: Entry): number =>
  byteLength(topic + event + id + key + data)
