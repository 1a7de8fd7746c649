import type { Entry, Position } from "onward/log"
import { WEBHOOK_EVENTS, type WebhookEvent } from "./options.ts"

/** Topics of the queue, which is a log of its own. */
export const EVENTS = "events"
export const PROGRESS = "progress"
export const LEASE = "lease"
export const STATE = "state"

/** What happened. Its id and time are those of its entry in the queue. */
export interface QueuedEvent {
  readonly event: WebhookEvent
  /** Of events about a topic or a user. */
  readonly topic?: string
  readonly userId?: string
  /** Of events about a topic or a user: how many streams the topic has. */
  readonly streams?: number
  /** Of events about a stream. */
  readonly stream?: string
  readonly topics?: readonly string[]
  readonly patterns?: readonly string[]
  /** Of `stream.closed`: why, and after how many ms. */
  readonly reason?: string
  readonly duration?: number
}

/** How far the deliveries of a webhook are: everything up to a position, and these after it. */
export interface Progress {
  readonly hook: string
  readonly upTo: Position
  readonly done: readonly Position[]
}

/** A hub claims to deliver, shows that it still does, or gives it up. */
export interface LeaseRecord {
  readonly by: string
  readonly term: number
  readonly isReleased?: true
}

/** A part of what is announced: users by topic. The first part replaces what was recorded before. */
export interface StateRecord {
  readonly isFirst?: true
  readonly topics: readonly (readonly [topic: string, userIds: readonly string[]])[]
}

/** Reads the data of an entry; undefined for what a hub did not write. */
export function readRecord<T>({ data }: Entry, fits: (value: Partial<T>) => boolean): T | undefined {
  try {
    const value = JSON.parse(data) as Partial<T> | null
    return value !== null && typeof value === "object" && fits(value) ? (value as T) : undefined
  } catch {
    return undefined
  }
}

export const isEvent = ({ event }: Partial<QueuedEvent>): boolean => WEBHOOK_EVENTS.includes(event as WebhookEvent)
export const isProgress = ({ hook, upTo, done }: Partial<Progress>): boolean =>
  typeof hook === "string" && typeof upTo === "string" && Array.isArray(done)
export const isLease = ({ by, term }: Partial<LeaseRecord>): boolean =>
  typeof by === "string" && Number.isSafeInteger(term)
export const isState = ({ topics }: Partial<StateRecord>): boolean => Array.isArray(topics)
