/** One thing that was looked at. */
export interface Finding {
  /** Fine; worth knowing; in the way of a stream. */
  readonly kind: "ok" | "note" | "bad"
  readonly text: string
  /** What to do about it. */
  readonly todo?: string
}
