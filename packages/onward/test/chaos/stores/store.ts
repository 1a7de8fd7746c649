import type { LogAddress } from "../open-log.ts"

/** A store under a chaos run, and what can be done to it. What it cannot suffer is absent, with the reason in `spared`. */
export interface ChaosStore extends AsyncDisposable {
  /** Where the server listens now, for the links to it; undefined when the log is a file. */
  readonly port: number | undefined
  /** The log as seen through a link; a file is seen without one. */
  address(port: number): LogAddress
  /** Ends its process without warning; it is back `ms` later. */
  kill?(ms: number): Promise<void>
  /** The server in charge is killed and another takes over; in the end the killed one follows that. */
  failOver?(): Promise<void>
  /** For `ms` there is no room left on the disk. */
  fillDisk?(ms: number): Promise<void>
  /**
   * Whether the log may begin anew. Then publishers give no ids of their own: one whose entry was lost, and which is published
   * again, is the same id for another place, and who comes back with it cannot be told what lies between.
   */
  readonly beginsAnew: boolean
  /** What is not done to it, and why. */
  readonly spared: readonly string[]
  /** Whether it is set up so that a failover may lose what was acknowledged. */
  readonly mayLose: boolean
}

export interface ChaosStoreOptions {
  /** An empty folder for its data. */
  readonly folder: string
  readonly keeps: number | undefined
  /** Whether the store is to be set up so that a failover may lose what was acknowledged, if it can be. */
  readonly mayLose: boolean
}
