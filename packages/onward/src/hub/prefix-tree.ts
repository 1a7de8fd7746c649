import { segmentEnd } from "../literal.ts"

/** Literals with one whole path segment between each two: the beginning of a text. */
export type Prefix = readonly string[]

interface Node<Item> {
  edge: string
  parent: Node<Item> | undefined
  items: Set<Item>
  /** By the first character of their edge. */
  children: Map<number, Node<Item>>
  /** After one path segment. */
  segment: Node<Item> | undefined
  /** Most items that one text can find from here on. */
  heaviest: number
}

/**
 * Items by the beginning of the texts that they are for: a radix tree, with a branch for "one path segment". A search reads the text about
 * once for each such branch, and finds only items whose prefix fits, so its time does not depend on how many others there are.
 */
export class PrefixTree<Item> {
  readonly #root: Node<Item> = createNode("", undefined)

  /** Most items that one text can find. */
  get heaviest(): number {
    return this.#root.heaviest
  }

  get isEmpty(): boolean {
    return isEmpty(this.#root)
  }

  add(prefix: Prefix, item: Item): void {
    let node = this.#root
    for (const [i, literal] of prefix.entries()) {
      if (i > 0) node = node.segment ??= createNode("", node)
      node = descend(node, literal)
    }
    node.items.add(item)
    weigh(node)
  }

  delete(prefix: Prefix, item: Item): void {
    const node = this.#at(prefix)
    if (!node?.items.delete(item)) return
    prune(node)
  }

  /** All items whose prefix `text` begins with. */
  find(text: string): Item[] {
    const found: Item[] = []
    collect(this.#root, text, 0, found)
    return found
  }

  #at(prefix: Prefix): Node<Item> | undefined {
    let node: Node<Item> | undefined = this.#root
    for (const [i, literal] of prefix.entries()) {
      if (i > 0) node = node?.segment
      for (let at = 0; node && at < literal.length; at += node?.edge.length ?? 0) {
        node = node.children.get(literal.charCodeAt(at))
        if (node && !literal.startsWith(node.edge, at)) return undefined
      }
    }
    return node
  }
}

const createNode = <Item>(edge: string, parent: Node<Item> | undefined): Node<Item> => ({
  edge,
  parent,
  items: new Set(),
  children: new Map(),
  segment: undefined,
  heaviest: 0,
})

const isEmpty = <Item>({ items, children, segment }: Node<Item>): boolean =>
  items.size === 0 && children.size === 0 && !segment

/** The node of `literal` below `node`, made if it does not exist. */
function descend<Item>(node: Node<Item>, literal: string): Node<Item> {
  for (let rest = literal; rest !== "";) {
    const first = rest.charCodeAt(0)
    const child = node.children.get(first)
    if (!child) {
      const made = createNode(rest, node)
      node.children.set(first, made)
      return made
    }
    const common = commonLength(child.edge, rest)
    node = common < child.edge.length ? split(child, common) : child
    rest = rest.slice(common)
  }
  return node
}

function commonLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length
}

/** Puts a node into the middle of an edge; returns it. */
function split<Item>(child: Node<Item>, at: number): Node<Item> {
  const parent = child.parent as Node<Item>
  const middle = createNode(child.edge.slice(0, at), parent)
  const lower = adopt(createNode<Item>(child.edge.slice(at), middle), child)
  middle.children.set(lower.edge.charCodeAt(0), lower)
  middle.heaviest = lower.heaviest
  parent.children.set(middle.edge.charCodeAt(0), middle)
  return middle
}

/** `node` takes over what `from` holds. */
function adopt<Item>(node: Node<Item>, from: Node<Item>): Node<Item> {
  for (const child of from.children.values()) child.parent = node
  if (from.segment) from.segment.parent = node
  node.items = from.items
  node.children = from.children
  node.segment = from.segment
  node.heaviest = from.heaviest
  return node
}

/** Brings `heaviest` up to date from `node` to the root. */
function weigh<Item>(node: Node<Item>): void {
  for (let each: Node<Item> | undefined = node; each; each = each.parent) {
    const known = each.heaviest
    let most = 0
    for (const { heaviest } of each.children.values()) if (heaviest > most) most = heaviest
    each.heaviest = each.items.size + (each.segment?.heaviest ?? 0) + most
    if (each.heaviest === known && each !== node) return
  }
}

/** Removes nodes that hold nothing, and joins an edge that no longer branches. */
function prune<Item>(node: Node<Item>): void {
  let each = node
  while (each.parent && isEmpty(each)) {
    const { parent } = each
    if (parent.segment === each) parent.segment = undefined
    else parent.children.delete(each.edge.charCodeAt(0))
    each = parent
  }
  const [only] = each.children.values()
  if (each.parent && each.edge !== "" && only && each.children.size === 1 && each.items.size === 0 && !each.segment) {
    each.edge += only.edge
    adopt(each, only)
  }
  weigh(each)
}

function collect<Item>(start: Node<Item>, text: string, from: number, found: Item[]): void {
  let node = start
  let at = from
  for (;;) {
    for (const item of node.items) found.push(item)
    if (node.segment) {
      const end = segmentEnd(text, at)
      if (end > at) collect(node.segment, text, end, found)
    }
    const child = node.children.get(text.charCodeAt(at))
    if (!child || !text.startsWith(child.edge, at)) return
    at += child.edge.length
    node = child
  }
}
