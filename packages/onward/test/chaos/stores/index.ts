import { natsMissing } from "../../stores/nats.ts"
import { postgresMissing } from "../../stores/postgres.ts"
import { redisMissing } from "../../stores/redis.ts"
import type { LogAddress } from "../open-log.ts"
import { natsStore } from "./nats.ts"
import { postgresStore } from "./postgres.ts"
import { redisStore } from "./redis.ts"
import { sqliteStore } from "./sqlite.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

export type { ChaosStore } from "./store.ts"

interface StoreKind {
  start(options: ChaosStoreOptions): ChaosStore | Promise<ChaosStore>
  /** Why it cannot be started here. */
  readonly missing?: string | undefined
}

export const STORES: Readonly<Record<LogAddress["kind"], StoreKind>> = {
  sqlite: { start: sqliteStore },
  postgres: { start: postgresStore, missing: postgresMissing },
  redis: { start: redisStore, missing: redisMissing },
  nats: { start: natsStore, missing: natsMissing },
}
