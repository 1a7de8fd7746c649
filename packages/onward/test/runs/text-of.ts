import type { RunItem } from "../../src/runs/index.ts"

/** All that a viewer gets of a run told in `lines`. */
export async function textOf(items: AsyncIterable<RunItem<string>>): Promise<string> {
  let text = ""
  for await (const item of items) text += item.frame ?? ""
  return text
}

export async function itemsOf(items: AsyncIterable<RunItem<string>>): Promise<RunItem<string>[]> {
  const all: RunItem<string>[] = []
  for await (const item of items) all.push(item)
  return all
}
