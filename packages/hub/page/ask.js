import { report } from "./elements.js"

const AWAY = "The hub cannot be reached. Try again later."

/** Takes back what was said of a hub that is there again. */
export function reportBack() {
  for (const { id, textContent } of document.querySelectorAll(".note.bad")) {
    if (textContent === AWAY) report(id, "The hub can be reached again. Try again.")
  }
}

/** Sends a request to the hub and returns what it answered; throws what it had to say when it refused. */
export async function ask(path, options = {}) {
  const response = await fetch(path, options).catch(() => {
    throw new Error(AWAY)
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error.message)
  return answer
}

export const post = (path, body, headers) => ask(path, { method: "POST", body, headers })
