import { setTimeout as wait } from "node:timers/promises"

const TEXT = `No model is connected, so this is a text that came with the hub, sent word by word as a model would send it.

Each word is an entry in the log, on a topic of this run's own. The page reads that topic from its beginning. Cut the \
connection while the words arrive: the run goes on without you, and when the page is back it tells the hub the id of the last \
word it has. It gets the next one, not the first one, and none twice. Reload the page in the middle, or stop the hub and start \
it again: what was written down stays written down.

To see a real model here, start the hub with OPENAI_BASE_URL and OPENAI_MODEL set, and OPENAI_API_KEY if its server wants one. \
Any server that speaks OpenAI's protocol will do, one on this machine too.`

/** The canned text, a word at a time, about 25 a second. */
export async function* canned(signal: AbortSignal): AsyncGenerator<string> {
  for (const word of TEXT.match(/\S+\s*/g) ?? []) {
    yield word
    await wait(40, undefined, { signal })
  }
}
