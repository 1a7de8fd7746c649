/** A word or phrase that the project's texts do not use, and what to write in its place. */
interface Rule {
  readonly pattern: RegExp
  readonly instead: string
}

/** `words`, whatever the white space between them, and not as a part of a name. */
const rule = (words: string, instead: string): Rule => ({
  pattern: new RegExp(`(?<![\\w-])(?:${words.replaceAll(" ", "\\s+")})(?![\\w-])`, "gi"),
  instead,
})

/** The actor is a thing that has a name; one term for each thing; `because` for a reason. */
export const RULES: readonly Rule[] = [
  rule("who|whom|whoever|whomever|whosever|those who", "name the actor: the client, the caller, the process"),
  rule("whatever|whichever", "any, each, or the value that is meant"),
  rule("somebody|someone|anybody|anyone", "name the actor: a client, another process"),
  rule("nobody|no one|everybody|everyone", "name the actor: no client, each subscriber"),
  rule("anew", "again, or recreate"),
  rule("for ever", "forever, or better a number"),
  rule("of (?:yours|ours|mine|theirs|one's own)|one's own|oneself", "your, its, custom"),
  rule("(?:is|are|was|were|be) none", "is invalid, is not a …, or does not exist"),
  rule("but for|nothing but", "except, only"),
  rule("(?:come|comes|coming|came) back", "reconnect, return, or recover"),
  rule("carr(?:y|ies|ied|ying) on", "resume or continue"),
  rule("(?:life|lives) of (?:the|a|its|one|this|that|another) log", "epoch"),
  rule("(?:new|another|one|earlier|other|this) (?:life|lives)(?! of)", "epoch"),
  rule("shall", "must, should, or the present tense"),
  rule(
    "(?<=,\\s)as (?:it|its|they|this|that|there|these|those|you|we|the|some|one|no|nothing|each|every|all)",
    "because, like, or a sentence of its own",
  ),
  rule("(?<=,\\s)for (?:it|they|there|nothing)", "because"),
]
