import type { Subscription } from "../hub/index.ts"
import type { SourceSseOptions, SubscriptionSseOptions } from "./options.ts"
import type { PreparedSource, Source } from "./source.ts"

/** The options of `sse` for a source. Without a type argument: those of any source. */
export type SseOptions<S extends Source = Source> = S extends Subscription
  ? SubscriptionSseOptions
  : S extends PreparedSource
    ? Omit<SourceSseOptions, "end" | "ignoreAccept">
    : SourceSseOptions
