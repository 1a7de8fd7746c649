/**
 * Returns a function that finds where a text occurs in others, without going back (Knuth, Morris and Pratt, 1977): it calls `onFound` with the
 * start of each occurrence, in order. The empty text occurs everywhere.
 */
export function finder(wanted: string): (text: string, from: number, onFound: (start: number) => void) => void {
  const { length } = wanted
  let shorter: Uint16Array | undefined
  return (text, from, onFound) => {
    if (length === 0) {
      for (let at = from; at <= text.length; at++) onFound(at)
      return
    }
    shorter ??= shorterFits(wanted)
    for (let at = from, fitting = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (fitting === length) fitting = shorter[fitting] as number
      while (fitting > 0 && wanted.charCodeAt(fitting) !== code) fitting = shorter[fitting] as number
      if (wanted.charCodeAt(fitting) === code) fitting++
      if (fitting === length) onFound(at + 1 - length)
    }
  }
}

/** For each length of a partial fit, the longest shorter one that ends at the same place. */
function shorterFits(wanted: string): Uint16Array {
  const shorter = new Uint16Array(wanted.length + 1)
  for (let at = 1, fitting = 0; at < wanted.length; at++) {
    const code = wanted.charCodeAt(at)
    while (fitting > 0 && wanted.charCodeAt(fitting) !== code) fitting = shorter[fitting] as number
    if (wanted.charCodeAt(fitting) === code) fitting++
    shorter[at + 1] = fitting
  }
  return shorter
}
