import { HttpError } from "./http-error.ts"

const MAX_CHARS = 256

/** The user id that a stream states about itself in its URL; undefined without one. */
export function userIdOf(url: URL): string | undefined {
  const userId = url.searchParams.get("userId")
  if (userId === null) return undefined
  if (userId === "" || userId.length > MAX_CHARS) {
    throw new HttpError(400, "invalid_user_id", `The parameter userId is invalid. Use 1 to ${MAX_CHARS} characters.`)
  }
  return userId
}
