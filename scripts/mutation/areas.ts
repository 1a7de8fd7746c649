import { globSync } from "node:fs"

/** A part of the code with the tests that answer for it. */
export interface Area {
  /** The files that are changed, as globs from the root. */
  readonly source: readonly string[]
  /** The test files that run against each change, as globs. The likeliest to notice come first. */
  readonly tests: readonly string[]
}

const onward = "packages/onward/test"
const adapters = `${onward}/adapters/{stream,source,leaving,drain,backpressure,late,refusal,cors,node-wire,compress,web,http2,misuse,prepared-source}{,.slow}.test.ts`

/** The slow files here are those without a browser, a store of another process or a chaos run: those answer for no area alone. */
export const AREAS: Readonly<Record<string, Area>> = {
  hub: {
    source: ["packages/onward/src/hub/**/*.ts", "packages/onward/src/{topic,timer-wheel,frame,options}.ts"],
    tests: [`${onward}/hub/*.test.ts`, `${onward}/ground/*.test.ts`, adapters],
  },
  server: {
    source: ["packages/onward/src/server/**/*.ts"],
    tests: [`${onward}/server/*.test.ts`, adapters],
  },
  node: {
    source: ["packages/onward/src/node/**/*.ts"],
    tests: [`${onward}/node/*.test.ts`, adapters],
  },
  web: {
    source: ["packages/onward/src/web/**/*.ts", "packages/onward/src/adapters/*.ts"],
    tests: [adapters, `${onward}/adapters/{frameworks,nest.slow}.test.ts`],
  },
  client: {
    source: ["packages/onward/src/client/**/*.ts", "packages/onward/src/run-client/**/*.ts"],
    tests: [`${onward}/client/*.test.ts`, `${onward}/run-client/*.test.ts`],
  },
  runs: {
    source: ["packages/onward/src/runs/**/*.ts"],
    tests: [`${onward}/runs/**/*.test.ts`, `${onward}/run-client/*.test.ts`, "packages/hub/test/gateway/*.test.ts"],
  },
  mcp: {
    source: ["packages/onward/src/mcp/**/*.ts"],
    tests: [`${onward}/mcp/*.test.ts`],
  },
  log: {
    source: ["packages/onward/src/log/*.ts", "packages/onward/src/log/{memory,sqlite}/**/*.ts"],
    tests: [
      `${onward}/log/{memory,model,suite,sqlite,remov,forget,check-log,backlog}*.test.ts`,
      `${onward}/hub/*.test.ts`,
    ],
  },
  "onward-hub": {
    source: ["packages/hub/src/**/*.ts"],
    tests: ["packages/hub/test/**/*.test.ts"],
  },
}

/** Files by globs, each once, in the order of the globs. Long tests are left out: they take minutes. */
export function filesOf(globs: readonly string[]): string[] {
  return [...new Set(globs.flatMap((glob) => globSync(glob, { exclude: ["**/*.long.test.ts"] }).sort()))]
}
