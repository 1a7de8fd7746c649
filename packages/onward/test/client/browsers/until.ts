/** How long anything that must happen may take before a test gives up on it, in ms: engines share two cores with other tests. */
export const PATIENCE = 120_000

/** Looks until what is seen satisfies `holds`; gives it, or fails with the last of it. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean = Boolean,
): Promise<T> {
  const end = performance.now() + PATIENCE
  // rarer with time, because a look into a page takes a driver up to 10 ms of computing
  for (let pause = 20; ; pause = Math.min(pause * 1.5, 200)) {
    const seen = await look()
    if (holds(seen)) return seen
    if (performance.now() > end) throw new Error(`waited in vain until ${what}; seen last: ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
