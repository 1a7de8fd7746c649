import { UsageError } from "../usage-error.ts"
import { Grants, toGrant } from "./grants.ts"
import type { GrantOptions } from "./options.ts"
import type { Action } from "./principal.ts"

/** Reads the grants of an option, or of a claim. Throws {@link UsageError} that names the item. */
export function grantsOf(path: string, { publish = [], subscribe = [] }: GrantOptions): Record<Action, Grants> {
  return { publish: readList(`${path}.publish`, publish), subscribe: readList(`${path}.subscribe`, subscribe) }
}

function readList(path: string, list: readonly string[]): Grants {
  return readItems(path, list, (items) => new Grants(items.map(toGrant)))
}

/** Reads a list of topics by `read`, which throws a RangeError for what is wrong with it. */
export function readItems<T>(path: string, list: unknown, read: (list: readonly string[]) => T): T {
  if (!Array.isArray(list)) throw new UsageError(`auth.${path} must be a list of topics and patterns`)
  try {
    return read(list as readonly string[])
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UsageError(`auth.${path}: ${error.message}`)
  }
}
