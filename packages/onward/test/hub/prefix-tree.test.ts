import assert from "node:assert/strict"
import { test } from "node:test"
import { PrefixTree, type Prefix } from "../../src/hub/prefix-tree.ts"
import { Chance } from "./simulation/chance.ts"

const SEED = Number(process.env["ONWARD_SEED"] ?? 1)

interface Item {
  readonly prefix: Prefix
}

/** Whether a text begins with a prefix, written as a regular expression. */
function fits({ prefix }: Item, text: string): boolean {
  const literals = prefix.map((literal) => literal.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"))
  // a segment ends at a slash or at the end of the text, also where the prefix ends with it
  return new RegExp(`^${literals.map((literal) => (literal === "" ? "(?=/|$|^)" : literal)).join("[^/]+")}`).test(text)
}

const textOf = (chance: Chance): string =>
  Array.from({ length: chance.below(7) }, () => chance.pick(["a", "b", "/", "ab"])).join("")

function prefixOf(chance: Chance): string[] {
  const parts = Array.from({ length: chance.pick([1, 1, 2, 3]) }, () => textOf(chance))
  // what follows a whole segment is the end of the prefix, or a slash
  return parts.map((part, i) => (i === 0 ? part.replace(/[^/]*$/, parts.length > 1 ? "" : "$&") : part && `/${part}`))
}

test(`a tree finds exactly the items whose prefix fits, however items come and go (ONWARD_SEED=${SEED})`, () => {
  const chance = new Chance(SEED)
  const tree = new PrefixTree<Item>()
  const items = new Set<Item>()
  let hits = 0
  for (let step = 0; step < 4_000; step++) {
    if (items.size > 60 || (items.size > 0 && chance.percent(step % 400 < 200 ? 30 : 60))) {
      const item = chance.pick([...items])
      items.delete(item)
      tree.delete(item.prefix, item)
    } else {
      const item = { prefix: prefixOf(chance) }
      items.add(item)
      tree.add(item.prefix, item)
    }
    const text = textOf(chance)
    const expected = [...items].filter((item) => fits(item, text))
    const found = tree.find(text)
    assert.deepEqual(new Set(found), new Set(expected), `${step}: ${text}`)
    assert.equal(found.length, expected.length, "each once")
    assert.ok(tree.heaviest >= found.length)
    hits += found.length
    assert.equal(tree.isEmpty, items.size === 0)
  }
  assert.ok(hits > 1_000, `${hits} items found`)
})

test("the weight of a tree is that of the text that finds most, and falls again", () => {
  const tree = new PrefixTree<Item>()
  const add = (...prefix: string[]): Item => {
    const item = { prefix }
    tree.add(prefix, item)
    return item
  }
  const items = [add("a"), add("ab"), add("abc"), add("b"), add("", "/x"), add("abc/", "")]
  // abc/… finds a, ab, abc, the segment after abc/ and /x after a first segment
  assert.equal(tree.heaviest, 5)
  assert.equal(tree.find("abc/x").length, 5)
  for (const item of items) tree.delete(item.prefix, item)
  assert.deepEqual([tree.heaviest, tree.isEmpty], [0, true])
})
