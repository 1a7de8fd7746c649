/** Upper bounds of histograms, in seconds. */
export const LATENCIES: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
/** Total limits of proxies (30, 60, 100 s) show as a step between the bounds around them. */
export const LIFETIMES: readonly number[] = [1, 5, 15, 29, 31, 59, 61, 99, 101, 300, 900, 3_600, 14_400, 86_400]
export const GENERATIONS: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
