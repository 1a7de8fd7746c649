import { spawn } from "node:child_process"
import type { Printed } from "./format.ts"

/**
 * Runs a command of the shell for an event. The event is no part of the command, so nothing in it is read by the shell: data is on standard
 * input, and the other fields are environment variables. Resolves with the exit code, null when a signal ended it; rejects if the system refuses
 * to start it, for instance because a field is too long for its environment.
 */
export function runForEvent(
  command: string,
  { topic, id, event, data }: Printed,
  env: NodeJS.ProcessEnv,
): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      stdio: ["pipe", "inherit", "inherit"],
      env: { ...env, ONWARD_TOPIC: clean(topic ?? ""), ONWARD_ID: clean(id), ONWARD_EVENT: clean(event) },
    })
    // a command need not read its input
    child.stdin.on("error", () => {})
    child.stdin.end(data)
    child.once("error", reject)
    child.once("close", (code) => resolve(code))
  })
}

/** An environment variable ends at a NUL character. */
const clean = (text: string): string => text.replaceAll("\0", "")
