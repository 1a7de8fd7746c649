import type { LoadOptions } from "../load/options.ts"

type Load = Omit<LoadOptions, "port">

export interface Scenario {
  readonly name: string
  readonly about: string
  /** What CPU time is divided by. */
  readonly unit: "delivery" | "connection" | "token" | "publish" | "cycle"
  readonly load: Load
  /** The same without what is being looked at; memory is counted above it. */
  readonly control?: Load
  /** Whether events that are not there at the deadline are merely late: the load is more than some servers can do. */
  readonly overload?: boolean
}

const slow: Load = { mode: "fan", connections: 100, count: 800, size: 65_536, rate: 200 }

/** All scenarios; `quick` ones are shorter and say less. */
export function scenarios({ quick }: { quick: boolean }): readonly Scenario[] {
  const few = (full: number, short: number): number => (quick ? short : full)
  return [
    {
      name: "fanout-1k",
      about: "1,000 subscribers, 50 events of 200 bytes a second",
      unit: "delivery",
      load: { mode: "fan", connections: 1000, rate: 50, count: few(200, 75) },
    },
    {
      name: "fanout-10k",
      about: "10,000 subscribers, 5 events a second",
      unit: "delivery",
      load: { mode: "fan", connections: 10_000, rate: 5, count: few(15, 8) },
    },
    {
      name: "overload",
      about: "1,000 subscribers, 400 events a second: 400,000 deliveries a second wanted; deadline 1 s after the last",
      unit: "delivery",
      load: { mode: "fan", connections: 1000, rate: 400, count: few(1200, 600), grace: 1 },
      overload: true,
    },
    {
      name: "burst",
      about: "2,000 subscribers, bursts of 100 publishes pipelined on one connection",
      unit: "delivery",
      load: { mode: "fan", connections: 2000, burst: 100, count: few(200, 100) },
    },
    {
      name: "idle",
      about: "10,000 subscribers and nothing published; memory with and without a garbage collection first",
      unit: "connection",
      load: { mode: "fan", connections: few(10_000, 5000) },
    },
    {
      name: "slow",
      about:
        "100 readers and one that never reads, events of 64 KiB at 200 a second; memory above the same without that one",
      unit: "delivery",
      load: { ...slow, connections: 101, stalled: 1, count: few(800, 300) },
      control: { ...slow, count: few(800, 300) },
    },
    {
      name: "tokens",
      about: "500 streams of 500 tokens, one token a stream and turn of the event loop",
      unit: "token",
      load: { mode: "tokens", connections: 500, count: few(500, 200) },
    },
    {
      name: "publish",
      about: "16 keep-alive publishers, nobody subscribed",
      unit: "publish",
      load: { mode: "publish", connections: 16, seconds: few(2, 1) },
    },
    {
      name: "churn",
      about: "50 slots that connect, wait for the response head and disconnect",
      unit: "cycle",
      load: { mode: "churn", connections: 50, seconds: few(3, 1) },
    },
  ]
}
