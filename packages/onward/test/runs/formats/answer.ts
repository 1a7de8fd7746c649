/** What a client of a format made of a stream. */
export interface Answer {
  readonly text: string
  readonly tools: readonly { readonly name: string; readonly input: string }[]
  /** Whether the client takes the answer for a whole one. */
  readonly isComplete: boolean
  /** What the client was told is wrong. */
  readonly error?: string
  /** Everything, as the client's own final value; compared as it is. */
  readonly final: unknown
}

/** Reads a body the way the users of a format do: by its official client. */
export type Read = (body: string) => Promise<Answer>

export const answered = (body: string, headers: Record<string, string> = {}): Response =>
  new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8", ...headers } })

/** Settles what a client gives or throws. */
export async function settle<T>(work: () => Promise<T>): Promise<{ value?: T; error?: string }> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
