import { setTimeout as wait } from "node:timers/promises"

const TEXT = `This is a canned text, not an AI: no model is connected. The hub sends it word by word, as a model would.

Every word is stored in the log before a browser receives it, and this page reads it from there. So reload while it is written: \
all of it is here again, and continues. Open a second tab: it shows the same text, and each tab can stop it for both. Cut the \
connection: the client reconnects with the id of the last word it received, and gets the next one. No word is lost or repeated.

Then kill the hub in the middle of a sentence, and start it again. The text cannot continue, because the process that wrote it is \
gone. But the words that were written are kept, and the answer is marked as incomplete.

To use a real model, start the hub with OPENAI_BASE_URL and OPENAI_MODEL, and with OPENAI_API_KEY if its server needs one. \
Any server that speaks OpenAI's protocol works, one on this machine too.`

/** Yields the canned text, about 25 words per second. */
export async function* canned(signal: AbortSignal): AsyncGenerator<string> {
  for (const word of TEXT.match(/\S+\s*/g) ?? []) {
    yield word
    await wait(40, undefined, { signal })
  }
}
