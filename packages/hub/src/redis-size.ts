import type { Redis } from "ioredis"

/** Most topics whose index is measured. Of more, a random choice stands for all. */
const SAMPLE = 50
/** What a log has besides its entries: its state, indexes of ids, idempotency keys, topics and losses, and what wakes readers. */
const PARTS = ["", ":ids", ":keys", ":topics", ":removed", ":empty", ":wake"]

/**
 * The memory of a log in Redis, in bytes, as Redis estimates it: its entries and all its indexes. With more than {@link SAMPLE} topics, the
 * indexes of topics are extrapolated from some of them, so that each call sends a limited number of commands.
 */
export async function redisSize(client: Redis, name: string, epoch: string): Promise<number | undefined> {
  const sizeOf = async (key: string): Promise<number> => (await client.memory("USAGE", key)) ?? 0
  const sum = async (keys: readonly string[]): Promise<number> =>
    (await Promise.all(keys.map(sizeOf))).reduce((total, size) => total + size, 0)
  // the first stream of a log has no epoch in its name
  const entries = await sum(["", epoch].map((of) => `${name}:entries:${of}`))
  if (entries === 0) return undefined
  const [born, topics, sample] = await Promise.all([
    client.hget(name, "born"),
    client.hlen(`${name}:topics`),
    client.hrandfield(`${name}:topics`, SAMPLE) as Promise<string[]>,
  ])
  const measured = await sum(sample.map((topic) => `${name}:topic:${born}:${topic}`))
  const indexes = sample.length === 0 ? 0 : Math.round((measured * topics) / sample.length)
  return entries + indexes + (await sum(PARTS.map((part) => name + part)))
}
