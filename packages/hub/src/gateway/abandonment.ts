import type { RunObservation, Runs } from "onward/runs"

export interface AbandonmentOptions {
  /** Maximum time that a run continues without viewers, in ms; Infinity for no limit. */
  readonly after: number
  readonly runsOf: (path: string) => Pick<Runs, "status" | "stop"> | undefined
  readonly onError: (error: unknown) => void
}

/** Stops runs that have no viewers, because providers charge by the token. */
export interface Abandonment {
  /** Sets the owner of a run, before it is started. Returns the undo, for when it was started or could not be. */
  own(run: string, owner: string): () => void
  readonly onEvent: (path: string, event: RunObservation) => void
  close(): void
}

interface Watched {
  readonly owner: string
  /** Current number of viewers in this process, and the total so far. */
  viewers: number
  begun: number
  timer: NodeJS.Timeout | undefined
}

/** A run that had a viewer in another process is not stopped, because this process does not see that viewer disconnect. */
export function createAbandonment({ after, runsOf, onError }: AbandonmentOptions): Abandonment {
  const owners = new Map<string, { readonly owner: string }>()
  const all = new Map<string, Watched>()

  function wait(path: string, id: string, watched: Watched): void {
    clearTimeout(watched.timer)
    watched.timer = setTimeout(() => void stopIfUnwatched(path, id, watched).catch(onError), after)
  }

  async function stopIfUnwatched(path: string, id: string, watched: Watched): Promise<void> {
    const runs = runsOf(path)
    const { owner } = watched
    const { metrics } = (await runs?.status(id, { owner })) ?? {}
    if (watched.viewers > 0 || !all.has(id)) return
    if ((metrics?.viewers ?? 0) > watched.begun) return wait(path, id, watched)
    await runs?.stop(id, { owner })
  }

  return {
    own(run, owner) {
      const owned = { owner }
      if (after < Infinity) owners.set(run, owned)
      return () => {
        if (owners.get(run) === owned) owners.delete(run)
      }
    },
    onEvent(path, { type, id }) {
      if (type === "start") {
        const owned = owners.get(id)
        owners.delete(id)
        if (!owned) return
        const watched = { ...owned, viewers: 0, begun: 0, timer: undefined }
        all.set(id, watched)
        return wait(path, id, watched)
      }
      const watched = all.get(id)
      if (!watched || type === "first") return
      clearTimeout(watched.timer)
      if (type === "end") all.delete(id)
      else if (type !== "leave") {
        watched.viewers++
        watched.begun++
      } else if (--watched.viewers === 0) wait(path, id, watched)
    },
    close() {
      for (const { timer } of all.values()) clearTimeout(timer)
      all.clear()
    },
  }
}
