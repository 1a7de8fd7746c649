import type { Hub } from "onward"
import type { LogSize } from "../admin/log-size.ts"
import type { WebhookStatus } from "../webhooks/index.ts"
import type { Counting } from "./counting.ts"
import { gauge, type Family } from "./tallies.ts"

/** What a scrape reads of this process: the state of its streams and its window. */
export function processFamilies(hub: Hub, counting: Counting, version: string): Family[] {
  const { connections, full, lag, labels, window, bytes } = hub.stats()
  const { streams, runs, subscribers } = counting
  const states = [...streams.apis].flatMap((api) =>
    streams.watched.has(api)
      ? [[[api, "live"], streams.watched.get(api) ?? 0] as const]
      : (["live", "reading", "full"] as const).map((state) => [[api, state], labels[api]?.[state] ?? 0] as const),
  )
  return [
    gauge(
      { name: "build_info", help: "The version of the hub and of Node.", labels: ["version", "node"], over: "first" },
      [[[version, process.version], 1]],
    ),
    gauge({ name: "streams", help: "Open streams, by API and state.", labels: ["api", "state"] }, [
      ...states,
      [["runs", "live"], runs.viewers],
    ]),
    gauge({ name: "streams_full", help: "Open streams whose client does not read." }, [[[], full]]),
    gauge({ name: "stream_lag_entries_max", help: "Entries after the position of the slowest stream.", over: "max" }, [
      [[], lag],
    ]),
    {
      ...gauge({ name: "sent_bytes_total", help: "Bytes that were sent to streams, before compression." }, [
        [[], streams.sentBytes + bytes],
      ]),
      type: "counter",
    },
    gauge({ name: "window_entries", help: "Entries in the window in memory." }, [[[], window.entries]]),
    gauge({ name: "window_bytes", help: "Characters of data in the window in memory." }, [[[], window.chars]]),
    gauge(
      {
        name: "presence_subscribers",
        help: "Open streams that presence counts, and that Mercure's subscription API lists.",
        labels: ["api"],
      },
      [
        [["events"], streams.present],
        [["mercure"], subscribers],
      ],
    ),
    ...mercureFamilies(connections, counting),
  ]
}

/** The names of the reference hub of Mercure, so that dashboards made for it go on working. */
function mercureFamilies(connected: number, { streams, messages }: Counting): Family[] {
  const one = (name: string, type: Family["type"], help: string, value: number): Family => ({
    name,
    help,
    type,
    aggregator: "sum",
    values: [{ labels: {}, value }],
  })
  return [
    one("mercure_subscribers_connected", "gauge", "The current number of connected subscribers", connected),
    one("mercure_subscribers_total", "counter", "Total number of handled subscribers", streams.opened),
    one("mercure_updates_total", "counter", "Total number of handled updates", messages.stored),
  ]
}

/** How far this process is behind the log. */
export const tailFamilies = (lag: number | undefined): Family[] =>
  lag === undefined
    ? []
    : [
        gauge(
          {
            name: "log_tail_lag_seconds",
            help: "Age of the oldest entry of the log that a process has not delivered.",
            over: "max",
          },
          [[[], lag / 1_000]],
        ),
      ]

/** Each process reads the queue, and one delivers. */
export const webhookFamilies = (webhooks: readonly WebhookStatus[]): Family[] => [
  {
    ...gauge(
      { name: "webhook_deliveries_total", help: "Attempts to deliver events.", labels: ["webhook", "outcome"] },
      webhooks.flatMap(({ name, outcomes }) =>
        Object.entries(outcomes).map(([outcome, count]) => [[name, outcome], count] as const),
      ),
    ),
    type: "counter",
  },
  gauge(
    { name: "webhook_queue", help: "Events that wait for delivery.", labels: ["webhook"], over: "max" },
    webhooks.map(({ name, waiting }) => [[name], waiting] as const),
  ),
]

/** What a scrape reads of the log, which the workers share. */
export const logFamilies = ({ isUp, entries, bytes, oldestAt }: LogSize, now: number): Family[] => [
  gauge({ name: "log_up", help: "Whether the log answers." }, [[[], isUp ? 1 : 0]]),
  ...(entries === undefined
    ? []
    : [gauge({ name: "log_entries", help: "Positions from the oldest to the newest entry." }, [[[], entries]])]),
  ...(bytes === undefined ? [] : [gauge({ name: "log_bytes", help: "Size of the log in its store." }, [[[], bytes]])]),
  ...(oldestAt === undefined
    ? []
    : [
        gauge({ name: "log_oldest_seconds", help: "Age of the oldest entry." }, [
          [[], Math.max(0, now - oldestAt) / 1_000],
        ]),
      ]),
]
