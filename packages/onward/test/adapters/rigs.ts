import { frameworkRigs } from "./framework-rigs.ts"
import { nodeRigs } from "./node-rigs.ts"
import type { Handler, Rig, Running } from "./rig.ts"
import { webRigs } from "./web-rigs.ts"

export type { Asked, Running } from "./rig.ts"

/** Every way to serve a stream that Onward has an entry for: all of them run the same tests. */
export const rigs: readonly Rig[] = [...nodeRigs, ...webRigs, ...frameworkRigs]

/** Runs `use` with a server for `handle`, which is stopped in any case. */
export async function withServer(
  rig: Rig,
  handle: Handler,
  use: (ask: Running["ask"]) => Promise<void>,
): Promise<void> {
  const { ask, close } = await rig.open(handle)
  try {
    await use(ask)
  } finally {
    await close()
  }
}
