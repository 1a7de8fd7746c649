import type { LogAddress } from "../open-log.ts"

/** A store under a chaos run, and what can be done to it. What it cannot suffer is absent, with the reason in `spared`. */
export interface ChaosStore extends AsyncDisposable {
  /** Where the server listens now, for the links to it; undefined when the log is a file. */
  readonly port: number | undefined
  /** The log as seen through a link; without a port, directly. */
  address(port?: number): LogAddress
  /** Ends it as a power failure of its process would; it is back `ms` later. */
  kill?(ms: number): Promise<void>
  /** The one in charge is lost, and another takes over. Resolves to what happened. */
  failOver?(): Promise<string>
  /** For `ms` there is no room left on the disk. */
  fillDisk?(ms: number): Promise<void>
  /** What is not done to it, and why. */
  readonly spared: readonly string[]
  /** Whether a failover may lose what was acknowledged. */
  readonly mayLose: boolean
}

export interface ChaosStoreOptions {
  /** An empty folder for its data. */
  readonly folder: string
  readonly keeps: number | undefined
  /** How long the run is, in minutes: for sizes. */
  readonly minutes: number
}
