import { isSubscription } from "../hub/index.ts"
import { isThenable, kindOf, tagOf } from "../kind.ts"
import { isPreparedSource } from "./prepared-source.ts"

/** Throws a `TypeError` for a source that cannot be streamed, before anything is answered. */
export function checkSource(source: unknown): void {
  if (isSubscription(source) || isPreparedSource(source) || isStream(source)) return
  if (typeof source === "function" && !isSyncGenerator(source)) return
  throw new TypeError(
    `sse takes a source after the request: a subscription, an async iterable, a ReadableStream, a function, or what runs.source returns, not ${kindOf(source)}. ` +
      adviceFor(source),
  )
}

/** The same for the result of a source function. */
export function checkStream(stream: unknown): void {
  if (isStream(stream)) return
  throw new TypeError(
    `A source function must return an async iterable, a ReadableStream or null, not ${kindOf(stream)}. ${adviceFor(stream)}`,
  )
}

function isStream(source: unknown): boolean {
  if (typeof source !== "object" || source === null) return false
  if (!("getReader" in source)) return Symbol.asyncIterator in source
  if ((source as { locked?: boolean }).locked) {
    throw new TypeError("sse was given a ReadableStream that another reader has locked. Pass one that is not locked.")
  }
  return true
}

const isSyncGenerator = (value: unknown): boolean => tagOf(value) === "[object GeneratorFunction]"

function adviceFor(given: unknown): string {
  if (isSubscription(given)) return "Pass the subscription itself instead of the function."
  if (isPreparedSource(given)) return "Pass the source itself instead of the function."
  if (isSyncGenerator(given)) return "Write `async function*` instead of `function*`."
  if (typeof given === "function") return "Call the function, or pass it as it is."
  if (isThenable(given)) return "Await it, or pass a function that returns it: () => promise."
  const parts = (typeof given === "object" && given !== null ? given : {}) as Readonly<Record<PropertyKey, unknown>>
  if ("subscribe" in parts && "publish" in parts) return 'Pass hub.subscribe({ topics: ["news"] }).'
  if ("start" in parts && "source" in parts) return "Pass runs.source(id)."
  if ("append" in parts && "locate" in parts) return "Make a hub of the log, and pass hub.subscribe(…)."
  if ("topics" in parts || "patterns" in parts) return "Pass hub.subscribe({ … })."
  if ("writeHead" in parts || "headers" in parts) {
    return "The order of arguments is the request, the response if there is one, the source, the options."
  }
  if (typeof given === "string" || Symbol.iterator in parts) return "Yield the events from an `async function*`."
  return "Pass for instance hub.subscribe(…), or an `async function*`."
}
