import { createElement, type ReactNode } from "react"
import type { StreamOptions } from "../../src/client/index.ts"
import { useEventStream, type EventStreamState } from "../../src/react/index.ts"
import type { PageServer } from "../client/browsers/page-server.ts"

/** The numbers that came, as text: what is lost, doubled or out of order shows. */
export type Numbers = EventStreamState<string>

export interface NumbersProps extends StreamOptions {
  readonly url: string | null
  /** Another stream, with another key. */
  readonly name?: string
  /** Told of every render. */
  readonly onRender?: (state: Numbers) => void
}

/** Shows the state of a stream and the numbers that came. */
export function ShowNumbers({ url, name, onRender, ...options }: NumbersProps): ReactNode {
  const state = useEventStream(url, {
    ...options,
    ...(name !== undefined && { key: name }),
    initial: "",
    reduce: (numbers, { data }) => `${numbers} ${data}`,
  })
  onRender?.(state)
  return createElement("p", null, `${state.status}:${state.data}`)
}

/** How many of its streams are open. */
export const open = (site: PageServer): number => site.requests.filter(({ isOpen }) => isOpen).length
