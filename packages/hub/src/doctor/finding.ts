/** One thing that was looked at. */
export interface Finding {
  /** Correct; worth knowing; a problem. */
  readonly kind: "ok" | "note" | "bad"
  readonly text: string
  /** What to do about it. */
  readonly todo?: string
}
