import { OnwardError } from "onward"
import { printable, printableJson } from "../../printable.ts"
import { openOutput, tell, type Terminal } from "../terminal.ts"
import { readBatches, type Batch } from "./batches.ts"
import type { PublishOptions } from "./command-line.ts"
import { sendBatch, type Stored } from "./send-batch.ts"

/** Runs `onward publish`. Resolves with the exit code; rejects with the error of a pipe that was closed. */
export async function publish(options: PublishOptions, terminal: Terminal): Promise<number> {
  const { input, server, mercure, timeout, isQuiet } = options
  const output = openOutput(terminal)
  const { stdin } = terminal
  if (input.kind !== "data" && stdin.isTTY && !isQuiet) {
    tell(terminal, "Reading from the terminal. End with Ctrl-D.")
  }
  const onRetry = (reason: string): void => void (isQuiet || tell(terminal, `${reason} Retrying.`))
  let stored = 0
  let repeated = 0
  let next = 1
  try {
    for await (const batch of readBatches(options, stdin)) {
      next = batch.first
      const results = await sendBatch(batch, { server, mercure, timeout, onRetry })
      next += batch.messages.length
      stored += results.length
      repeated += results.filter(({ isRepeated }) => isRepeated).length
      await output.write(textOf(batch, results, options.isJson))
    }
  } catch (error) {
    if (!(error instanceof OnwardError)) throw error
    tell(terminal, error.message)
    if (stored > 0) tell(terminal, `The hub has stored ${stored} messages before. Resume at number ${next}.`)
    return 1
  }
  if (repeated > 0 && !isQuiet) tell(terminal, `The hub had ${repeated} of ${stored} messages already.`)
  return 0
}

const textOf = ({ messages }: Batch, results: readonly Stored[], isJson: boolean): string =>
  results
    .map(({ id, isRepeated }, at) => {
      const line = isJson
        ? printableJson({ topic: messages[at]?.topic, id, ...(isRepeated && { repeated: true }) })
        : printable(id)
      return `${line}\n`
    })
    .join("")
