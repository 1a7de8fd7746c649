import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { repositoryRoot } from "../../house/imports.ts"
import { env } from "./project.ts"

export interface WorkerOptions {
  /** Conditions of `exports` before those of Workers. */
  readonly conditions?: readonly string[]
  /** A class the module exports, of which there are objects at the binding with its name in capitals. */
  readonly durableObject?: string
}

export interface RunningWorker {
  /** With a slash at its end. */
  readonly url: string
  close(): Promise<void>
}

/** Serves a module on a free port, with `folder` for what that takes. It may reach this machine. */
export async function startWorkerd(
  program: string,
  folder: string,
  worker: string,
  options: WorkerOptions = {},
): Promise<RunningWorker> {
  bundle(folder, worker, options.conditions ?? [])
  writeFileSync(join(folder, "workerd.capnp"), configOf(options))
  const child = spawn(program, ["serve", "workerd.capnp", "--control-fd=3"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  })
  const [told] = await once(child.stdio[3] as NodeJS.ReadableStream, "data")
  const { port } = JSON.parse(String(told)) as { port: number }
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      // one that ends in grace would wait for its streams
      child.kill("SIGKILL")
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    },
  }
}

/** One module of a program and all it imports, resolved as workerd's own tools do. */
function bundle(folder: string, program: string, conditions: readonly string[]): void {
  const config = join(folder, "rolldown.config.js")
  const options = {
    input: resolve(folder, program),
    output: { file: join(folder, "worker.js"), format: "esm" },
    platform: "neutral",
    resolve: { conditionNames: [...conditions, "workerd", "worker", "browser", "import"] },
  }
  writeFileSync(config, `export default ${JSON.stringify(options)}`)
  execFileSync(join(repositoryRoot, "node_modules/.bin/rolldown"), ["--config", config], { cwd: folder, env })
}

const configOf = ({ durableObject }: WorkerOptions): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
      ${durableObject === undefined ? "" : objectsOf(durableObject)}
    )),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`

const objectsOf = (name: string): string => `durableObjectNamespaces = [(className = "${name}", uniqueKey = "${name}")],
      durableObjectStorage = (inMemory = void),
      bindings = [(name = "${name.toUpperCase()}", durableObjectNamespace = "${name}")],`
