import type { Report, ReportedMember } from "./report.ts"

/** A process that reports nothing during this many beats of this process counts as gone. */
const MISSED_BEATS = 3

export interface KnownMember {
  readonly id: string
  readonly identity: string | undefined
  readonly data: unknown
  /** The process that it is at, or was at last. */
  node: string
  times: number
  isAway: boolean
}

/** All members of all processes, by the records of the log. Processes that have read up to the same position have the same list. */
export class Roster {
  readonly members: Map<string, KnownMember> = new Map()
  /** Members that may return, by identity. */
  readonly #away = new Map<string, Set<KnownMember>>()
  /** How many beats of this process each other process has missed. */
  readonly #missed = new Map<string, number>()
  readonly #me: string

  constructor(me: string) {
    this.#me = me
  }

  get isAlone(): boolean {
    return this.#missed.size === 0
  }

  at(node: string): KnownMember[] {
    return [...this.members.values()].filter((member) => member.node === node)
  }

  /** The members of an identity that may return. */
  awayAs(identity: string): KnownMember[] {
    return [...(this.#away.get(identity) ?? [])]
  }

  /** Takes a report, and returns the processes that are gone by it. */
  take(report: Report): string[] {
    const { from } = report
    if (from !== this.#me) this.#missed.set(from, 0)
    switch (report.is) {
      case "here":
        for (const member of report.members) this.#enter(from, member)
        return []
      case "away":
      case "back":
      case "left":
        this.#move(report)
        return []
      case "beat":
        return from === this.#me ? this.#miss() : []
      case "bye":
        this.#missed.delete(from)
        for (const member of this.at(from)) this.#setAway(member)
        return []
      case "ask":
        return []
    }
  }

  #enter(node: string, { id, times, identity, data }: ReportedMember): void {
    const known = this.members.get(id)
    // what it said before the member went elsewhere
    if (known && known.times > times) return
    if (known?.times === times && known.node === node) return
    if (known) this.#setBack(known)
    this.members.set(id, { id, identity, data, node, times, isAway: false })
  }

  #move(report: Extract<Report, { readonly id: string }>): void {
    const member = this.members.get(report.id)
    if (!member) return
    if (report.is === "away") {
      if (member.node === report.from) this.#setAway(member)
      return
    }
    this.#setBack(member)
    if (report.is === "left") this.members.delete(report.id)
    else {
      member.node = report.from
      member.times++
    }
  }

  #setAway(member: KnownMember): void {
    const { identity } = member
    member.isAway = true
    if (identity !== undefined) this.#away.set(identity, (this.#away.get(identity) ?? new Set()).add(member))
  }

  #setBack(member: KnownMember): void {
    const { identity = "" } = member
    member.isAway = false
    const all = this.#away.get(identity)
    all?.delete(member)
    if (all?.size === 0) this.#away.delete(identity)
  }

  #miss(): string[] {
    const gone: string[] = []
    for (const [node, missed] of this.#missed) {
      if (missed + 1 < MISSED_BEATS) this.#missed.set(node, missed + 1)
      else gone.push(node)
    }
    for (const node of gone) this.#missed.delete(node)
    return gone
  }
}
