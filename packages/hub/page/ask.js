import { report } from "./elements.js"

const UNREACHABLE = "The hub cannot be reached. Try again later."

/** Replaces the messages about an unreachable hub when the hub is reachable again. */
export function reportBack() {
  for (const { id, textContent } of document.querySelectorAll(".note.bad")) {
    if (textContent === UNREACHABLE) report(id, "The hub can be reached again. Try again.")
  }
}

/** Sends a request to the hub and returns the JSON of the response. Throws the hub's message, with its status and code, if it refuses. */
export async function ask(path, options = {}) {
  const response = await fetch(path, options).catch(() => {
    throw new Error(UNREACHABLE)
  })
  const answer = await response.json()
  if (!response.ok)
    throw Object.assign(new Error(answer.error.message), { status: response.status, code: answer.error.code })
  return answer
}

export const post = (path, body, headers) => ask(path, { method: "POST", body, headers })
