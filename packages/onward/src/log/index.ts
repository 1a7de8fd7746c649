export type { Entry, Position, StoredMessage } from "../message.ts"
export type { Appended, Bounds, Landmark, Log, Loss, LossReason, Page, ReadQuery, Retention } from "./log.ts"
export { createEpoch, formatPosition, inSameEpoch, parsePosition } from "./position.ts"
export { memoryLog, type MemoryLogOptions } from "./memory.ts"
