/** Creates a checker of a sequence of numbers, which counts missing and repeated ones. */
export function createSequence() {
  let last
  const sequence = {
    received: 0,
    missing: 0,
    twice: 0,
    take(n) {
      sequence.received++
      if (last !== undefined && n <= last) {
        sequence.twice++
        return
      }
      if (last !== undefined) sequence.missing += n - last - 1
      last = n
    },
  }
  return sequence
}
