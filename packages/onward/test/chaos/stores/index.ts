import type { LogAddress } from "../open-log.ts"
import { sqliteStore } from "./sqlite.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

export type { ChaosStore, ChaosStoreOptions } from "./store.ts"

export const STORES: Readonly<
  Record<LogAddress["kind"], (options: ChaosStoreOptions) => ChaosStore | Promise<ChaosStore>>
> = { sqlite: sqliteStore }
