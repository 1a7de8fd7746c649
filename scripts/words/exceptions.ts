/** Words that a rule names and that are right where they stand. */
export const EXCEPTIONS: readonly { readonly file: string; readonly text: string; readonly reason: string }[] = [
  { file: "", text: "arry on where they left off", reason: "the tagline" },
]
