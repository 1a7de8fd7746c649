// Module hooks for Node 22, which does not know the `await using` of some tests. The published code is compiled to ES2023, so
// users of that Node do not need it. The same file is the helper that the compiled code imports.

const HELPER = "@oxc-project/runtime/helpers/usingCtx"

export const resolve = (specifier, context, next) =>
  specifier === HELPER ? { url: import.meta.url, format: "module", shortCircuit: true } : next(specifier, context)

export async function load(url, context, next) {
  if (!/^file:.*(?<!node_modules.*)\.ts$/.test(url)) return next(url, context)
  const { readFile } = await import("node:fs/promises")
  const text = await readFile(new URL(url), "utf8")
  if (!/^\s*await using /m.test(text)) return next(url, context)
  const { transform } = await import("rolldown/utils")
  const { code, errors } = await transform(url, text, { target: "node22", lang: "ts" })
  if (errors.length > 0) throw errors[0]
  return { format: "module", source: code, shortCircuit: true }
}

const NONE = Symbol("no error")

/** What a block has to dispose of, last first; what it threw is thrown again. */
// oxlint-disable-next-line no-default-export -- what compiled code imports
export default function usingCtx() {
  const values = []
  return {
    e: NONE,
    a(value) {
      if (value != null) values.push(value)
      return value
    },
    async d() {
      let failure = this.e
      for (const value of values.reverse()) {
        try {
          await (value[Symbol.asyncDispose] ?? value[Symbol.dispose]).call(value)
        } catch (error) {
          if (failure === NONE) failure = error
        }
      }
      // oxlint-disable-next-line only-throw-error -- what the block threw
      if (failure !== NONE) throw failure
    },
  }
}
