import type { TestContext } from "node:test"
import { Window } from "happy-dom"
import type { ReactNode } from "react"
import type { RootOptions } from "react-dom/client"

// React DOM looks for a page while it is loaded
const window = new Window({ url: "http://127.0.0.1/" })
Object.assign(globalThis, { window, document: window.document })
const { createRoot, hydrateRoot } = await import("react-dom/client")

/** A place in the page where React renders. */
export interface Place {
  readonly text: string
  render(node: ReactNode): void
  unmount(): void
}

export interface MountOptions extends RootOptions {
  /** What a server rendered before. */
  readonly html?: string
}

/** Renders into the page; what it renders is unmounted when the test is over. */
export function mount(t: Pick<TestContext, "after">, node: ReactNode, { html, ...options }: MountOptions = {}): Place {
  const element = document.createElement("div")
  document.body.append(element)
  if (html !== undefined) element.innerHTML = html
  const root = html === undefined ? createRoot(element, options) : hydrateRoot(element, node, options)
  if (html === undefined) root.render(node)
  t.after(() => {
    root.unmount()
    element.remove()
  })
  return {
    get text() {
      return element.textContent
    },
    render: (next) => root.render(next),
    unmount: () => root.unmount(),
  }
}
