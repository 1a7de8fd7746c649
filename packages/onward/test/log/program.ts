import { spawn, type ChildProcessByStdio } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Readable, Writable } from "node:stream"

/** Runs a program of the folder `programs` as another process; its complaints go to ours. */
export function start(name: string, ...args: string[]): ChildProcessByStdio<Writable, Readable, null> {
  const file = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url))
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  })
}

/** Waits for the program to write something. */
export async function output(program: { stdout: Readable }): Promise<string> {
  const [chunk] = (await once(program.stdout, "data")) as [Buffer]
  return chunk.toString()
}
