/** A version of the Mercure protocol: 0 is 0.x, which deployed hubs speak; 1 is 1.0. Each request uses one. */
export type Dialect = 0 | 1

/** Names of parameters with a selector of Mercure 1.0, and the type of the selector. */
export const MATCH_PARAMETERS: Readonly<Record<string, "exact" | "urlpattern">> = {
  match: "exact",
  match_exact: "exact",
  match_urlpattern: "urlpattern",
}

/** Whether a name begins like those of selectors of Mercure 1.0, in any case: later versions may define more of them. */
export const isReservedParameter = (name: string): boolean => /^match/i.test(name)

/** The dialect of a request to subscribe, by the names of its parameters. */
export function dialectOf(names: Iterable<string>): Dialect {
  const all = new Set(names)
  if (Object.keys(MATCH_PARAMETERS).some((name) => all.has(name))) return 1
  return !all.has("topic") && [...all].some(isReservedParameter) ? 1 : 0
}
