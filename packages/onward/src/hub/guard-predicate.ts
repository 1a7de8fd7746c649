import type { Entry } from "../message.ts"

/** A predicate of a subscription that throws is reported, and answers `otherwise`. */
export function guardPredicate<T>(
  predicate: (entry: Entry) => boolean,
  otherwise: T,
  onError: (error: unknown) => void,
): (entry: Entry) => boolean | T {
  return (entry) => {
    try {
      return predicate(entry)
    } catch (error) {
      onError(error)
      return otherwise
    }
  }
}
