import { HttpError } from "./http-error.ts"

const MAX_WHO_CHARS = 256

/** Who listens, as a stream says itself; undefined when it does not. */
export function whoOf(url: URL): string | undefined {
  const who = url.searchParams.get("who")
  if (who === null) return undefined
  if (who === "" || who.length > MAX_WHO_CHARS) {
    throw new HttpError(400, "invalid_who", `\`who\` has 1 to ${MAX_WHO_CHARS} characters.`)
  }
  return who
}
