import { setTimeout as wait } from "node:timers/promises"

const TEXT = `This is a canned text, not an AI: no model is connected. It came with the hub, and is sent word by word, as a model would \
send it.

Every word goes into the log before anybody sees it, and this page reads it from there. So reload while it is written: it is all \
here again, and goes on. Open a second tab: it is there too, at the same word, and either tab can stop it for both. Cut the \
connection: the page comes back with the id of the last word it has, and gets the next one, not the first one, and none twice.

Then kill the hub, hard, in the middle of a sentence, and start it again. Nobody can go on with a text whose writer is dead. But \
what was written stays written, and it says so instead of looking whole.

To talk to a real model here, start the hub with OPENAI_BASE_URL and OPENAI_MODEL set, and OPENAI_API_KEY if its server wants one. \
Any server that speaks OpenAI's protocol will do, one on this machine too.`

/** The canned text, a word at a time, about 25 a second. */
export async function* canned(signal: AbortSignal): AsyncGenerator<string> {
  for (const word of TEXT.match(/\S+\s*/g) ?? []) {
    yield word
    await wait(40, undefined, { signal })
  }
}
