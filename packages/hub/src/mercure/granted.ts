import type { Grant } from "./grants.ts"
import { compileSelector, type Selector } from "./selectors/selector.ts"

/** Compiled grants, for as long as the token is kept. Hubs with one URL compile each token once. */
const compiled = new WeakMap<readonly Grant[], { readonly base: string; readonly selectors: readonly Selector[] }>()

/** Compiles the grants of a token. Relative patterns are resolved against `base`, the URL of the hub. */
export function compileGrants(grants: readonly Grant[], base: string): readonly Selector[] {
  const known = compiled.get(grants)
  if (known?.base === base) return known.selectors
  const selectors = grants.map(({ type, value }) => compileSelector(type, value, base))
  compiled.set(grants, { base, selectors })
  return selectors
}
