import { isPattern } from "onward"
import type { Entry } from "onward"
import { Grants, toGrant } from "../auth/grants.ts"
import { invalid } from "./json-body.ts"
import type { IsPrivate } from "./private-topics.ts"

/** Which entries an operator looks at. */
export interface LogFilter {
  /** For the log: entries on this topic only. */
  readonly topics: { readonly topics?: readonly string[] }
  /** Whether the log alone finds the entries. */
  readonly isByTopicOnly: boolean
  matches(entry: Entry): boolean
}

/** The prefix of topics that Onward itself writes to the log. */
const RESERVED = "stream."

/**
 * Reads `topic` (a topic, or a pattern), `event` and `private` (`only`, `none`) of a query. Entries on Onward's own topics are left out.
 * Throws `HttpError` 400.
 */
export function readFilter({ searchParams }: URL, isPrivate: IsPrivate): LogFilter {
  const topic = searchParams.get("topic") ?? ""
  const event = searchParams.get("event") ?? ""
  const visibility = searchParams.get("private") ?? ""
  if (!["", "only", "none"].includes(visibility)) throw invalid("`private` is not `only` or `none`. Use one of them.")
  const pattern = topic !== "" && isPattern(topic) ? matcherOf(topic) : undefined
  return {
    topics: topic !== "" && !pattern ? { topics: [topic] } : {},
    isByTopicOnly: !pattern && event === "" && visibility === "",
    matches: (entry) =>
      !entry.topic.startsWith(RESERVED) &&
      (topic === "" ||
        [entry.topic, ...(entry.also ?? [])].some((each) => (pattern ? pattern(each) : each === topic))) &&
      (event === "" || (entry.event ?? "message") === event) &&
      (visibility === "" || isPrivate(entry) === (visibility === "only")),
  }
}

function matcherOf(pattern: string): (topic: string) => boolean {
  try {
    const grants = new Grants([toGrant(pattern)])
    return (topic) => grants.covers(topic)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw invalid(`\`topic\` is not a topic or pattern: ${error.message}.`)
  }
}
