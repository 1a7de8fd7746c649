/** CLOCK_MONOTONIC in nanoseconds, the same in every process of a Linux machine; exact in a number for 104 days of uptime. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e9 + nanoseconds
}
