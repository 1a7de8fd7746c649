/** What the load generator is asked to do; it travels as JSON on its command line. */
export interface LoadOptions {
  /**
   * `fan`: subscribe, then publish and check what arrives (with `count` 0: just hold the connections).
   * `tokens`: streams that the server fills by itself. `publish`: closed-loop publishers, nobody subscribed.
   * `churn`: connect, wait for the response head, disconnect, again.
   */
  readonly mode: "fan" | "tokens" | "publish" | "churn"
  readonly port: number
  /** What subscribers request. @default "/events" */
  readonly path?: string
  /** Subscribers (`fan`), streams (`tokens`), publishers (`publish`) or slots (`churn`). */
  readonly connections: number
  /** How many of the subscribers never read. @default 0 */
  readonly stalled?: number
  /** Whether the stalled ones start to read once the others have everything, and are then checked too. @default false */
  readonly wake?: boolean
  /** Events to publish in all, or tokens a stream. @default 0 */
  readonly count?: number
  /** Bytes of each event's data. @default 200 */
  readonly size?: number
  /** Publishes a second; 0 means: the next burst as soon as the one before has arrived everywhere. @default 0 */
  readonly rate?: number
  /** Publishes that are pipelined in one write. @default 1 */
  readonly burst?: number
  /** With `rate` 0: how many publishes may be under way, in place of whole bursts. @default burst */
  readonly window?: number
  /** Seconds that `publish` and `churn` run. */
  readonly seconds?: number
  /** Seconds to wait for the last event after the last publish. @default 30 */
  readonly grace?: number
}

/** What the load generator saw; the line it prints at the end. */
export interface LoadReport {
  /** Events checked and found in order, tokens, answered publishes, or connect-disconnect cycles. */
  readonly done: number
  /** `done` over the seconds from the first publish to the last arrival. */
  readonly perSecond: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Events that a later event overtook for good. */
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  /** Events not there at the deadline though nothing later came either: late, or lost at the end. */
  readonly missing: number
  /** Events without a sequence number where none may be, failed or closed connections, refused publishes, unended streams. */
  readonly faults: number
  readonly faultText: string
  /** `stream.gap` events, and the events that they stand for. */
  readonly gaps: number
  readonly skipped: number
  /** The most milliseconds that a publish was sent behind its time: above a few, the generator itself was overloaded. */
  readonly behind: number
  /** CPU seconds of the generator. */
  readonly cpu: number
}
