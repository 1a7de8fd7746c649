/** Sends a request to the hub and returns what it answered; throws what it had to say when it refused. */
export async function ask(path, options = {}) {
  const response = await fetch(path, options).catch(() => {
    throw new Error("The hub cannot be reached just now.")
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error.message)
  return answer
}

export const post = (path, body, headers) => ask(path, { method: "POST", body, headers })
