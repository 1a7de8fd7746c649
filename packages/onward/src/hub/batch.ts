import { Frame } from "../frame.ts"
import type { Position } from "../message.ts"
import { PART_CHARS, sizeOf, type KeptEntry, type TextFormat } from "./kept-entry.ts"

/** The content of one write: consecutive entries, encoded once for all connections that receive them. */
export interface Part {
  readonly frame: Frame
  /** Position of its last entry. */
  readonly end: Position
  /** How many entries it has. */
  readonly count: number
}

/** The batches that began in the same turn, by their first entry. */
export type Firsts = Map<KeptEntry, Batch>

/**
 * The entries an audience receives in one turn, as a node of a tree. Audiences that receive the same entries hold the same node, so
 * their bytes are made once, although their topics differ.
 */
export class Batch {
  /** Characters of its entries, about. */
  readonly chars: number
  readonly hasPrivate: boolean
  readonly #last: KeptEntry
  readonly #firsts: Firsts
  readonly #before: Batch | undefined
  #next: Map<KeptEntry, Batch> | undefined
  #joined: Map<Batch, Batch> | undefined
  #plain: Part[] | undefined
  #withTopic: Part[] | undefined

  /** By `batchOf` and `with`, so that there is one of each. */
  constructor(last: KeptEntry, firsts: Firsts, before?: Batch) {
    this.#last = last
    this.#firsts = firsts
    this.#before = before
    this.chars = (before?.chars ?? 0) + sizeOf(last.entry)
    this.hasPrivate = before?.hasPrivate === true || last.entry.private === true
  }

  get end(): KeptEntry {
    return this.#last
  }

  /** This batch and `kept` after it. */
  with(kept: KeptEntry): Batch {
    this.#next ??= new Map()
    let next = this.#next.get(kept)
    if (!next) this.#next.set(kept, (next = new Batch(kept, this.#firsts, this)))
    return next
  }

  /** The entries of both, in order, each once. */
  and(other: Batch): Batch {
    this.#joined ??= new Map()
    let joined = this.#joined.get(other)
    if (!joined) {
      const all = [...new Set([...this.entries(), ...other.entries()])]
      all.sort((a, b) => (a.entry.position < b.entry.position ? -1 : 1))
      this.#joined.set(other, (joined = batchOf(all as [KeptEntry], this.#firsts)))
    }
    return joined
  }

  /** The entries for which `wants` is true; undefined when it is true for none. */
  pick(wants: (kept: KeptEntry) => boolean): Batch | undefined {
    const picked = this.entries().filter(wants)
    return picked.length > 0 ? batchOf(picked as [KeptEntry], this.#firsts) : undefined
  }

  parts(format: TextFormat): readonly Part[] {
    return format === "plain" ? (this.#plain ??= this.#encode(format)) : (this.#withTopic ??= this.#encode(format))
  }

  #encode(format: TextFormat): Part[] {
    const parts = cut(
      this.entries(),
      (kept) => kept.textIn(format),
      ({ entry }) => entry.position,
    )
    return [...parts]
  }

  entries(): KeptEntry[] {
    const all: KeptEntry[] = []
    for (let batch: Batch | undefined = this; batch; batch = batch.#before) all.push(batch.#last) // oxlint-disable-line no-this-alias -- walks up
    return all.reverse()
  }
}

/** The batch of these entries. */
export function batchOf([first, ...others]: readonly [KeptEntry, ...KeptEntry[]], firsts: Firsts): Batch {
  let batch = firsts.get(first)
  if (!batch) firsts.set(first, (batch = new Batch(first, firsts)))
  for (const kept of others) batch = batch.with(kept)
  return batch
}

/** Joins items into parts of about {@link PART_CHARS}. A part is made when it is needed, because a full sink takes few of them. */
export function* cut<Item>(
  items: readonly Item[],
  textOf: (item: Item) => string,
  positionOf: (item: Item) => Position,
): Generator<Part> {
  let text = ""
  let count = 0
  let last: Item | undefined
  for (const item of items) {
    text += textOf(item)
    count++
    last = item
    if (text.length < PART_CHARS) continue
    yield { frame: new Frame(text), end: positionOf(item), count }
    text = ""
    count = 0
  }
  if (count > 0) yield { frame: new Frame(text), end: positionOf(last as Item), count }
}
