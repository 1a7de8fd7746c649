import { join } from "node:path"
import { Running } from "./running.ts"

/** An example that is a folder: an app of a framework, which is fetched, built and started. */
export interface App {
  readonly example: string
  /** The framework as it is called, and the package whose version counts. */
  readonly framework: string
  readonly package: string
  /** Whether `npm run test:long` runs it too, not `npm run frameworks` alone. */
  readonly isInLong?: boolean
  /** Its server reads a response on, into memory, whether or not the client takes it. */
  readonly lacksBackpressure?: boolean
  /** The program that builds it, and its arguments. */
  readonly build: readonly string[]
  start(folder: string, port: string): Running
}

const NEXT = "node_modules/next/dist/bin/next"

/** Starts a program of the app as its reader would. */
const program =
  (file: string, argsOf: (folder: string, port: string) => readonly string[] = () => []): App["start"] =>
  (folder, port) => {
    const env = { HOST: "127.0.0.1", PORT: port, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" }
    return new Running(join(folder, file), env, argsOf(folder, port), { isBuilt: true })
  }

export const apps: readonly App[] = [
  {
    example: "16-next",
    framework: "Next.js",
    package: "next",
    isInLong: true,
    build: [NEXT, "build"],
    start: program(NEXT, (folder, port) => ["start", folder, "--hostname=127.0.0.1", `--port=${port}`]),
  },
  {
    example: "17-sveltekit",
    framework: "SvelteKit",
    package: "@sveltejs/kit",
    build: ["node_modules/vite/bin/vite.js", "build"],
    start: program("build/index.js"),
  },
  {
    example: "20-nitro",
    framework: "Nitro",
    package: "nitro",
    build: ["node_modules/nitro/dist/cli/index.mjs", "build"],
    start: program(".output/server/index.mjs"),
  },
  {
    example: "21-astro",
    framework: "Astro",
    package: "astro",
    lacksBackpressure: true,
    build: ["node_modules/astro/bin/astro.mjs", "build"],
    start: program("dist/server/entry.mjs"),
  },
  {
    example: "22-react-router",
    framework: "React Router",
    package: "react-router",
    build: ["node_modules/@react-router/dev/bin.cjs", "build"],
    start: program("node_modules/@react-router/serve/bin.cjs", (folder) => [join(folder, "build/server/index.js")]),
  },
]
