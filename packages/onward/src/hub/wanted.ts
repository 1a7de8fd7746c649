import type { Audience } from "./audience.ts"
import type { KeptEntry } from "./kept-entry.ts"

/** The entries that pass the filter of an audience, up to the last one of its stream. */
export function wantedOf(
  { until, filter }: Audience,
  entries: readonly KeptEntry[],
): { readonly wanted: readonly KeptEntry[]; readonly isLast: boolean } {
  if (!until && !filter) return { wanted: entries, isLast: false }
  const wanted: KeptEntry[] = []
  for (const kept of entries) {
    const passes = filter ? filter(kept.entry) : true
    if (passes) wanted.push(kept)
    if (passes === undefined || (passes && until?.(kept.entry))) return { wanted, isLast: true }
  }
  return { wanted, isLast: false }
}
