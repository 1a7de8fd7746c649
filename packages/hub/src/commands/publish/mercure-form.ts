import type { MercureFields } from "./command-line.ts"

interface Fields {
  readonly topic: string
  readonly data: string
  readonly event?: string
  readonly id?: string
  readonly retry?: number
  readonly also?: readonly string[]
}

/** The form of an update of Mercure (draft-dunglas-mercure-08), from a message in JSON. */
export function formOf(json: string, { isPrivate }: MercureFields): string {
  const { topic, also = [], data, event, id, retry } = JSON.parse(json) as Fields
  const form = new URLSearchParams([topic, ...also].map((each): [string, string] => ["topic", each]))
  form.set("data", data)
  if (isPrivate) form.set("private", "on")
  if (event !== undefined) form.set("type", event)
  if (id !== undefined) form.set("id", id)
  if (retry !== undefined) form.set("retry", String(retry))
  return form.toString()
}
