import type { Command } from "./command.ts"

/** What can be said about the code without running or building it. */
export const staticChecks: readonly Command[] = [
  { name: "types", program: "tsc", args: ["--project", "tsconfig.json"] },
  { name: "types without Node", program: "tsc", args: ["--project", "tsconfig.browser.json"] },
  { name: "types as declared", program: "tsc", args: ["--project", "packages/onward/tsconfig.build.json", "--noEmit"] },
  {
    name: "types as declared, of the hub",
    program: "tsc",
    args: [
      ...["--project", "packages/hub/tsconfig.build.json", "--noEmit"],
      // against the library's sources, because it is not built yet
      ...["--customConditions", "onward-source", "--rootDir", "."],
    ],
  },
  { name: "lint", program: "oxlint", args: ["--deny-warnings", "--report-unused-disable-directives"] },
  { name: "format", program: "oxfmt", args: ["--check"] },
  { name: "unused code and dependencies", program: "knip", args: ["--no-progress"] },
]

/** What can be said about the packages once they are built: whether others can import them, and what that costs. */
export const packageChecks: readonly Command[] = [
  { name: "onward as published", program: "publint", args: ["run", "packages/onward", "--strict"] },
  { name: "onward-hub as published", program: "publint", args: ["run", "packages/hub", "--strict"] },
  { name: "types as published", program: "attw", args: ["--pack", "packages/onward", "--profile", "esm-only"] },
  { name: "sizes", program: "size-limit", args: [] },
]
