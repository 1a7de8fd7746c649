// Imported before tests: Nest, and what it shares with its apps, come from the folder in ONWARD_NEST in place of the version developed on.
import { registerHooks } from "node:module"
import { pathToFileURL } from "node:url"

const folder = pathToFileURL(`${process.env.ONWARD_NEST}/`).href

registerHooks({
  resolve(specifier, context, next) {
    const isNest = /^(?:@nestjs\/|rxjs$|reflect-metadata$)/.test(specifier)
    if (!isNest || context.parentURL?.includes("/node_modules/")) return next(specifier, context)
    const found = next(specifier, { ...context, parentURL: `${folder}app.js` })
    // resolution goes on upwards, to the version that is not wanted
    if (!found.url.startsWith(folder)) throw new Error(`${specifier} is not in ${folder}`)
    return found
  },
})
