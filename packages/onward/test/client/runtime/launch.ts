import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { promisify } from "node:util"
import { env } from "./project.ts"
import { startWorkerd } from "./workerd.ts"

/** Runs the program `name` of a project with arguments; resolves to what it has to say. */
export type Launch = (program: string, folder: string, urls: readonly string[]) => Promise<string>

const launchWith =
  (runtime: string, ...flags: readonly string[]): Launch =>
  async (program, folder, urls) => {
    const args = [...flags, join(folder, "programs/run-cases.js"), JSON.stringify(urls), runtime]
    const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env })
    return stdout
  }

const launchWorkerd: Launch = async (program, folder, urls) => {
  const worker = await startWorkerd(program, folder, "programs/worker.js")
  try {
    const response = await fetch(worker.url, { method: "POST", body: JSON.stringify(urls) })
    return await response.text()
  } finally {
    await worker.close()
  }
}

export const LAUNCHES: Readonly<Record<string, Launch>> = {
  node: launchWith("node"),
  bun: launchWith("bun"),
  deno: launchWith("deno", "run", "--allow-net"),
  workerd: launchWorkerd,
}

/** A program that serves; ends when told. */
export interface Serving {
  readonly url: string
  close(): Promise<void>
}

/** Starts what prints `{ "port": … }`. */
async function serve(program: string, args: readonly string[], folder: string): Promise<Serving> {
  const child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] })
  const [told] = await once(child.stdout, "data")
  const { port } = JSON.parse(String(told)) as { port: number }
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      child.kill()
      await once(child, "exit")
    },
  }
}

/** How each runtime serves the hub of `handler.ts`. */
export const SERVERS: Readonly<Record<string, (program: string, folder: string) => Promise<Serving>>> = {
  bun: (program, folder) => serve(program, [join(folder, "programs/serve.js")], folder),
  deno: (program, folder) => serve(program, ["run", "--allow-net", join(folder, "programs/serve.js")], folder),
  workerd: (program, folder) => startWorkerd(program, folder, "programs/serving-worker.js", { durableObject: "Hub" }),
}
