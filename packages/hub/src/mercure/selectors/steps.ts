import { finder } from "./literal.ts"

/**
 * Matching in linear time. A matcher is a list of steps. Each step takes the places in a text that the steps before it can reach, and returns
 * the places that it can reach itself. No step goes back, so a match takes time proportional to steps times characters, for each pattern.
 */

/** One byte for each place in a text, before the first character to after the last one: 1 for a place that is reached. */
export type Places = Uint8Array

/** Returns the places after this step; undefined if it reaches no place. */
export type Step = (from: Places, text: string) => Places | undefined

/** Whether the steps can get from the start of the text to its end. */
export function reachEnd(steps: readonly Step[], text: string): boolean {
  let places: Places | undefined = new Uint8Array(text.length + 1)
  places[0] = 1
  for (const step of steps) {
    places = step(places, text)
    if (!places) return false
  }
  return places[text.length] === 1
}

/** Takes this text. */
export function literal(wanted: string): Step {
  const { length } = wanted
  const find = finder(wanted)
  return (from, text) => {
    const first = from.indexOf(1)
    if (from.lastIndexOf(1) === first && !text.startsWith(wanted, first)) return undefined
    const to = new Uint8Array(text.length + 1)
    if (from.lastIndexOf(1) === first) to[first + length] = 1
    else {
      find(text, first, (start) => {
        if (from[start] === 1) to[start + length] = 1
      })
    }
    return to.includes(1) ? to : undefined
  }
}

/** Takes any number of characters, none included. */
export const any: Step = (from) => from.fill(1, from.indexOf(1))

/** Takes one or more characters except this one; any characters if it is empty. */
export function segment(delimiter: string): Step {
  const end = delimiter === "" ? -1 : delimiter.charCodeAt(0)
  return (from, text) => {
    const to = new Uint8Array(text.length + 1)
    let isReached = false
    for (let at = 0; at < text.length; at++) {
      if ((from[at] === 0 && to[at] === 0) || text.charCodeAt(at) === end) continue
      to[at + 1] = 1
      isReached = true
    }
    return isReached ? to : undefined
  }
}

/** Takes the steps, or nothing. */
export const optional =
  (steps: readonly Step[]): Step =>
  (from, text) => {
    let after: Places | undefined = from.slice()
    for (const step of steps) after = after && step(after, text)
    return after ? union(from, after) : from
  }

function union(some: Places, others: Places): Places {
  for (let at = 0; at < some.length; at++) if (others[at] === 1) some[at] = 1
  return some
}

/** Takes a text one or more times. */
export function repeatedText(wanted: string): Step {
  const find = finder(wanted)
  return (from, text) => {
    const to = new Uint8Array(text.length + 1)
    find(text, from.indexOf(1), (start) => {
      if (from[start] === 1 || to[start] === 1) to[start + wanted.length] = 1
    })
    return to.includes(1) ? to : undefined
  }
}

/** A group: `prefix`, one or more characters except `delimiter`, and `suffix`. */
export interface Group {
  readonly prefix: string
  readonly suffix: string
  readonly delimiter: string
}

/** Takes a group one or more times, in one pass over the text: each place in a group only leads to later ones. */
export function repeatedGroup({ prefix, suffix, delimiter }: Group): Step {
  const end = delimiter === "" ? -1 : delimiter.charCodeAt(0)
  const [findPrefix, findSuffix] = [finder(prefix), finder(suffix)]
  return (from, text) => {
    const { length } = text
    const first = from.indexOf(1)
    const prefixed = new Uint8Array(length + 1)
    const suffixed = new Uint8Array(length + 1)
    findPrefix(text, first, (start) => (prefixed[start] = 1))
    findSuffix(text, first, (start) => (suffixed[start] = 1))
    const to = new Uint8Array(length + 1)
    const afterPrefix = new Uint8Array(length + 1)
    const inside = new Uint8Array(length + 1)
    for (let at = first; at <= length; at++) {
      // in this order, because an empty suffix or prefix leads to the same place
      if (inside[at] === 1 && suffixed[at] === 1) to[at + suffix.length] = 1
      if ((from[at] === 1 || to[at] === 1) && prefixed[at] === 1) afterPrefix[at + prefix.length] = 1
      if ((afterPrefix[at] === 1 || inside[at] === 1) && text.charCodeAt(at) !== end) inside[at + 1] = 1
    }
    return to.includes(1) ? to : undefined
  }
}
