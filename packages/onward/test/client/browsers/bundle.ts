import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const bundles = new Map<string, Promise<string>>()

/** Returns a module and all that it imports as one script for browsers, because a page loads one script in a tenth of the time of forty. */
export function bundle(module: URL): Promise<string> {
  const { href } = module
  const bundling = bundles.get(href) ?? build(fileURLToPath(module))
  bundles.set(href, bundling)
  return bundling
}

async function build(input: string): Promise<string> {
  const building = await rolldown({
    input,
    platform: "browser",
    logLevel: "silent",
    resolve: { conditionNames: ["onward-source", "browser", "import", "default"] },
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
  })
  try {
    const { output } = await building.generate({ format: "esm", codeSplitting: false })
    return output[0].code
  } finally {
    await building.close()
  }
}
