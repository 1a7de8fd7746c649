import type { Schema, SchemaResult } from "../../src/events.ts"

/** A Standard Schema by hand, as Zod and the others have them. */
export function schema<Input, Output = Input>(
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
): Schema<Input, Output> {
  return { "~standard": { version: 1, vendor: "onward-test", validate } }
}

/** `{ symbol, price }`, where the price may be given as text. */
export const tick = schema<{ symbol: string; price: number | string }, { symbol: string; price: number }>((value) => {
  const { symbol, price } = (value ?? {}) as Record<string, unknown>
  if (typeof symbol !== "string") return { issues: [{ message: "must be text", path: ["symbol"] }] }
  if (Number.isNaN(Number(price))) return { issues: [{ message: "must be a number", path: [{ key: "price" }] }] }
  return { value: { symbol, price: Number(price) } }
})

/** Any text, after a while. */
export const note = schema<string>(async (value) =>
  typeof value === "string" ? { value } : { issues: [{ message: "must be text" }] },
)
