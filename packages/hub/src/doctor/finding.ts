/** One result of `onward doctor`. */
export interface Finding {
  /** `ok`: correct; `note`: worth knowing; `bad`: a problem. */
  readonly kind: "ok" | "note" | "bad"
  readonly text: string
  /** What to do. */
  readonly todo?: string
}

/** Reports a finding. */
export type Find = (kind: Finding["kind"], text: string, todo?: string) => void
