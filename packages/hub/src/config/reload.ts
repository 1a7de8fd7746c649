import { isDeepStrictEqual } from "node:util"
import type { AuthOptions } from "../auth/index.ts"
import { canReload, resolveWebhooks } from "../webhooks/index.ts"
import type { Config } from "./complete.ts"
import { settings } from "./settings.ts"

/** What a changed configuration means for a hub that runs. */
export interface Reloaded {
  /** The configuration to go on with: the new values of settings that can change, and the old ones of the others. */
  readonly config: Config
  /** Names of settings that changed. */
  readonly applied: readonly string[]
  /** Names of settings whose change needs a restart. */
  readonly needRestart: readonly string[]
}

/** Compares the configuration of a running hub with a new one. */
export function mergeReloaded(old: Config, next: Config): Reloaded {
  const changed = settings.filter(({ path }) => !isDeepStrictEqual(valueAt(old, path), valueAt(next, path)))
  const hasHooks = canReload(resolveWebhooks(old.webhooks), resolveWebhooks(next.webhooks))
  const hasAuth = old.auth !== undefined && next.auth !== undefined
  const isBound = ([name]: readonly string[]): boolean =>
    (name === "auth" && !hasAuth) || (name === "webhooks" && !hasHooks)
  const applied = changed.filter(({ isReloadable, path }) => isReloadable && !isBound(path))
  const config = { ...structuredClone(old), ...(hasAuth && { auth: mergeAuth(old.auth, next.auth) }) }
  for (const { path } of applied) if (path[0] !== "auth") put(config, path, valueAt(next, path))
  return {
    config,
    applied: applied.map(({ name }) => name),
    needRestart: changed.filter((setting) => !applied.includes(setting)).map(({ name }) => name),
  }
}

/** As a whole, because a part that is left out means something else than an empty one. */
function mergeAuth(old: AuthOptions, { streamsPerUser: _, maxTokenLifetime: __, ...next }: AuthOptions): AuthOptions {
  const { streamsPerUser, maxTokenLifetime } = old
  return {
    ...next,
    ...(streamsPerUser !== undefined && { streamsPerUser }),
    ...(maxTokenLifetime !== undefined && { maxTokenLifetime }),
  }
}

type Tree = Record<string, unknown>

/** The value of a setting. */
export const valueAt = (config: Config, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Tree | undefined)?.[key], config)

function put(config: Config, path: readonly string[], value: unknown): void {
  const parent = valueAt(config, path.slice(0, -1)) as Tree
  const key = path.at(-1) as string
  if (value === undefined) delete parent[key]
  else parent[key] = value
}
