import { createHub, type Hub, type HubOptions, type StartPoint, type SubscribeOptions } from "../../src/hub/index.ts"
import { memoryLog, type Log, type Retention } from "../../src/log/index.ts"
import { createClock, type TestClock } from "../../src/testing/index.ts"
import { Recorder } from "./recorder.ts"

export interface Stage {
  readonly clock: TestClock
  readonly log: Log
  readonly hub: Hub
  /** What the hub reported. */
  readonly errors: unknown[]
  /** Another process on the same log. */
  another(options?: HubOptions): Hub
  /** Opens a stream, and waits until it stands. */
  connect(options: SubscribeOptions, start?: StartPoint, hub?: Hub): Promise<Recorder>
  /** Publishes texts on a topic, each in a turn of its own; resolves to their ids. */
  publish(topic: string, ...texts: string[]): Promise<string[]>
}

export interface StageOptions extends HubOptions {
  readonly retention?: Retention
}

/** A hub on a memory log, in a time that stands still. */
export async function stage({ retention, ...options }: StageOptions = {}): Promise<Stage> {
  const clock = createClock()
  const log = options.log ?? memoryLog({ clock, epoch: "life0000", ...(retention && { retention }) })
  const errors: unknown[] = []
  const another = (more?: HubOptions) =>
    createHub({ ...options, clock, log, onError: (error) => errors.push(error), ...more })
  const hub = another()
  await clock.settle()
  return {
    clock,
    log,
    hub,
    errors,
    another,
    async connect(subscribe, start, on = hub) {
      const recorder = new Recorder()
      on.subscribe(subscribe).open(start).start(recorder)
      await clock.settle()
      return recorder
    },
    async publish(topic, ...texts) {
      const ids: string[] = []
      for (const data of texts) {
        ids.push(await hub.publish({ topic, data }))
        await clock.settle()
      }
      return ids
    },
  }
}

/** The position that `memoryLog` gives entry number `sequence` of the stage. */
export const at = (sequence: number): string => {
  const digits = sequence.toString(36)
  return `life0000~${digits.length}${digits}`
}
