import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { bundleForWorkerd, env } from "./project.ts"

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

/** Starts what prints `{ "port": … }`, to standard output or to the descriptor named. */
async function serve(program: string, args: readonly string[], folder: string, descriptor = 1): Promise<Serving> {
  const child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit", "pipe"] })
  const [told] = await once(child.stdio[descriptor] as NodeJS.ReadableStream, "data")
  const { port } = JSON.parse(String(told)) as { port: number }
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      child.kill()
      await once(child, "exit")
    },
  }
}

const DURABLE_HUB = `      durableObjectNamespaces = [(className = "Hub", uniqueKey = "hub")],
      durableObjectStorage = (inMemory = void),
      bindings = [(name = "hubs", durableObjectNamespace = "Hub")],
`

/** Serves a worker of the project, which may reach this machine. `more` is said about it in its configuration. */
function startWorkerd(program: string, folder: string, worker: string, more = ""): Promise<Serving> {
  bundleForWorkerd(folder, worker)
  writeFileSync(
    join(folder, "workerd.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
${more}    )),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
  )
  return serve(program, ["serve", "workerd.capnp", "--control-fd=3"], folder, 3)
}

/** How each runtime serves the hub of `handler.ts`. */
export const SERVERS: Readonly<Record<string, (program: string, folder: string) => Promise<Serving>>> = {
  bun: (program, folder) => serve(program, [join(folder, "programs/serve.js")], folder),
  deno: (program, folder) => serve(program, ["run", "--allow-net", join(folder, "programs/serve.js")], folder),
  workerd: (program, folder) => startWorkerd(program, folder, "programs/serving-worker.js", DURABLE_HUB),
}
