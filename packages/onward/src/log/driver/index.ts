export type { Entry, Message, Position, StoredMessage } from "../../message.ts"
export type {
  Appended,
  Bounds,
  ForgetQuery,
  Landmark,
  Log,
  Loss,
  LossReason,
  Page,
  ReadQuery,
  Retention,
} from "../log.ts"
// parts of every log
export { createBatcher, type BatcherOptions, type PendingAppend } from "./batcher.ts"
export { createGate, type CloseSteps, type Gate } from "./gate.ts"
export { createSweeper, type Sweeper } from "./sweeper.ts"
export { createWatchers, type Wake, type Watchers, type WatchersOptions } from "./watchers.ts"
// results of a log
export { createKeptEntries, type KeptEntries, type Summary } from "./kept-entries.ts"
export { lossOf, readFrom } from "./loss.ts"
export { merge } from "./merge.ts"
export { createEpoch, formatPosition, inSameEpoch, parsePosition } from "./position.ts"
export { MAX_REMOVED_POSITIONS, RemovedPositions, type RemovedPosition } from "./removed-positions.ts"
export { repeatsOf } from "./repeats.ts"
// arguments of a log
export { checkMessage } from "./check-message.ts"
export { IdIndex, idScopeOf, MAX_SAME_ID, type IdScope } from "./id-index.ts"
export { DEFAULT_RETENTION, limitsOf, RETENTION_NAMES, sizeOf, type Limits } from "./retention.ts"
export { timeoutOf } from "./timeout.ts"
