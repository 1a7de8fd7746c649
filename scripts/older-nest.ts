// Imported before tests: loads Nest, and the packages it shares with its apps, from the folder in ONWARD_NEST.
import { registerHooks } from "node:module"
import { pathToFileURL } from "node:url"

const folder = pathToFileURL(`${process.env.ONWARD_NEST}/`).href

registerHooks({
  resolve(specifier, context, next) {
    const isNest = /^(?:@nestjs\/|rxjs$|reflect-metadata$)/.test(specifier)
    if (!isNest || context.parentURL?.includes("/node_modules/")) return next(specifier, context)
    const found = next(specifier, { ...context, parentURL: `${folder}app.js` })
    // Node continues in the parent folders, where it finds the other version
    if (!found.url.startsWith(folder))
      throw new Error(`${specifier} is not in ${folder}. Add it to NEST in scripts/nest.ts.`)
    return found
  },
})
