import { ask } from "../page/ask.js"

/** What the hub says about itself: `url` and `hasAuth`. Set after the sign-in. */
export const about = {}

let onSignedOut = () => {}

/** Calls `listener` when the hub no longer knows the session. */
export function whenSignedOut(listener) {
  onSignedOut = listener
}

/** Headers of each request. A page of another origin cannot send the first one. */
export const HEADERS = { "onward-admin": "1" }

/** Sends a request to the admin API and returns the JSON of the response. Throws the hub's message if it refuses. */
export async function call(path, { headers, ...options } = {}) {
  try {
    return await ask(path, { ...options, headers: { ...HEADERS, ...headers } })
  } catch (error) {
    if (error.status === 401 && path !== "/admin/session") onSignedOut()
    throw error
  }
}

/** Sends a JSON object by POST. */
export const send = (path, body) =>
  call(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } })

/** A path with parameters; those without a value are left out. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") query.set(name, value)
  }
  return query.size > 0 ? `${path}?${query}` : path
}
