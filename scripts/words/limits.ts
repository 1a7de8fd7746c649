/** Words that a rule names and that are right where they stand. */
export const EXCEPTIONS: readonly { readonly file: string; readonly text: string; readonly reason: string }[] = [
  { file: "", text: "arry on where they left off", reason: "the tagline" },
]

/** How many hits an area has left. A number may only fall, and at zero its line goes: what is not named here has no hits. */
export const AREAS: Readonly<Record<string, number>> = {
  "packages/onward/src/log/nats/": 32,
  "packages/onward/src/log/postgres/": 25,
  "packages/onward/src/log/redis/": 22,
  "packages/onward/src/log/sqlite/": 19,
}
