import type { Message } from "../../../src/index.ts"
import { Chance } from "../../hub/simulation/chance.ts"

/** What the messages are called. */
export const NAMES: readonly string[] = ["message", "tick", "größe"]

const PIECES = ["plain ", "größer ", "文字列", "😀", "\n", "data: ", ": ", "id: 7\n\n"]

/** The message of a number, the same for the same seed: of all sizes, in several bytes a character, on several lines. */
export function messageOf(
  seed: number,
  number: number,
): Message<string> & { readonly data: string; readonly event: string } {
  const chance = new Chance(seed ^ Math.imul(number, 0x9e3779b1))
  let data = `${number}:`
  const pieces = chance.percent(2) ? 200 + chance.below(1_500) : chance.below(25)
  for (let i = 0; i < pieces; i++) data += chance.pick(PIECES)
  const event = chance.pick(NAMES)
  return { topic: "numbers", data, event, ...(chance.percent(40) && { id: `№ ${number}/größe` }) }
}
