import { isSubscription } from "../hub/index.ts"
import { tagOf } from "../kind.ts"
import type { SourceSseOptions } from "./options.ts"
import { report } from "./problem.ts"
import type { PreparedSource, CustomSource, Source, SourceFunction } from "./source.ts"
import type { SseOptions } from "./sse-options.ts"

export const prepareSource = (open: SourceFunction, options: SourceSseOptions): PreparedSource => ({
  "onward.source": true,
  open,
  options,
})

/** Whether it is a prepared source, made by any copy of the library. */
export const isPreparedSource = (value: unknown): value is PreparedSource =>
  typeof value === "object" && value !== null && "onward.source" in value

/** A custom source apart from its options, which are combined with the caller's. */
export function unpackSource(
  source: PreparedSource | CustomSource,
  options: SourceSseOptions,
): { readonly source: CustomSource; readonly options: SourceSseOptions } {
  if (!isPreparedSource(source)) return { source, options }
  const { open, options: prepared } = source
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const signal = eitherOf(prepared.signal, options.signal)
  return {
    source: open,
    options: {
      ...prepared,
      ...given,
      headers: { ...prepared.headers, ...options.headers },
      ...(signal && { signal }),
    },
  }
}

/** The caller's options with defaults of an adapter. They apply to custom sources only: a subscription has its hub's. */
export function withDefaults<S extends Source>(
  source: S,
  options: SseOptions<S> | undefined,
  defaults: Required<Pick<SourceSseOptions, "onError">> & { readonly signal?: AbortSignal | undefined },
): SseOptions<S> | undefined {
  // options that are not an object are refused later
  if (isSubscription(source) || (options !== undefined && tagOf(options) !== "[object Object]")) return options
  const given: SourceSseOptions = options ?? {}
  const signal = eitherOf(defaults.signal, given.signal)
  return {
    onError: errorHandlerOf(source, given, defaults.onError),
    ...given,
    ...(signal && { signal }),
  } as SseOptions<S>
}

/** What is called with errors of a source: by the caller's options, else by the source's, else by default. */
export const errorHandlerOf = (
  source: Source,
  { onError }: SourceSseOptions = {},
  byDefault: (error: unknown) => void = report,
): ((error: unknown) => void) => onError ?? (isPreparedSource(source) ? source.options.onError : undefined) ?? byDefault

const eitherOf = (a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined =>
  a && b ? AbortSignal.any([a, b]) : (a ?? b)
