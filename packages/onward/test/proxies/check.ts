import type { Hub } from "../../src/index.ts"
import { holds, type Reader } from "./reader.ts"
import type { Use } from "./setup.ts"
import type { Stage } from "./stage.ts"

/** One thing that is tried of each proxy, and a column of the table. */
export interface Check {
  readonly title: string
  readonly use: Use
  /** A measurement, or a long wait: only `npm run proxies` makes it, on a proxy of its own. @default false */
  readonly isLong?: boolean
  /** What it comes to, as the table says it. */
  run(stage: Stage): Promise<string>
}

/** What a proxy comes to when it hands on nothing before the stream is over. */
export const HELD = "held until the end"

let topics = 0
/** A topic nobody else has. */
export const freshTopic = (): string => `topic${topics++}`

/**
 * Publishes so many events, each only once all readers have the one before; resolves to how many came like that. No clock
 * decides: what is held back until more comes never comes.
 */
export async function inStep(
  hub: Hub,
  topic: string,
  count: number,
  readers: readonly Pick<Reader, "data">[],
): Promise<number> {
  const before = readers.map(({ data }) => data.length)
  for (let i = 1; i <= count; i++) {
    await hub.publish({ topic, data: String(i) })
    const haveIt = () =>
      readers.every(({ data }, at) => data.length === (before[at] ?? 0) + i && data.at(-1) === String(i))
    if (!(await holds(haveIt))) return i - 1
  }
  return count
}
