import type { Case, Outcome, SeenRequest, World } from "./case.ts"
import { eventSourceCases } from "./event-source-cases.ts"
import { streamCases } from "./stream-cases.ts"

export const cases: readonly Case[] = [...eventSourceCases, ...streamCases]

/** Where a runtime does otherwise, and why; what is not here is the same everywhere. */
export const DEVIATIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bun: {
    "a listener that throws affects neither other listeners nor the stream":
      "Bun goes on, prints what was thrown, and exits with code 1 in the end.",
  },
  deno: {
    "a listener that throws affects neither other listeners nor the stream":
      "Deno ends the process for what a listener of any EventTarget throws, unless its `error` event is prevented.",
  },
  node: {
    "a redirect is refused if the platform would forward custom headers":
      "The transport is ours, follows redirects by itself, and takes no such header to another origin.",
  },
}

/** How long a case may take, in ms. */
const PATIENCE = 20_000

/** Runs all cases, each against the server at its URL; for every runtime, so it stands on nothing but what all have. */
export async function runCases(client: World["client"], urls: readonly string[], runtime: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const [index, { name, run }] of cases.entries()) {
    let timer: unknown
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("it takes too long")), PATIENCE)
    })
    try {
      await Promise.race([run(worldOf(client, urls[index] as string, runtime, name)), tooLong])
      outcomes.push({ name })
    } catch (error) {
      outcomes.push({ name, error: String((error as Error).stack ?? error) })
    } finally {
      clearTimeout(timer as number)
    }
  }
  return outcomes
}

const worldOf = (client: World["client"], url: string, runtime: string, name: string): World => ({
  client,
  url,
  deviates: DEVIATIONS[runtime]?.[name] !== undefined,
  requests: async () => (await (await fetch(`${url}seen`)).json()) as SeenRequest[],
  async tell(word) {
    await (await fetch(`${url}tell/${word}`)).text()
  },
  async eventually(what, holds) {
    for (let tries = 0; !(await holds()); tries++) {
      if (tries > 2_000) throw new Error(`waited in vain for ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  },
})
