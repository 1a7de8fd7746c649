import type { RunEvent, Runs } from "onward/runs"

export interface AbandonmentOptions {
  /** How long a run may be without viewers, in ms; Infinity for as long as it takes. */
  readonly after: number
  readonly runsOf: (path: string) => Pick<Runs, "status" | "stop"> | undefined
  readonly onError: (error: unknown) => void
}

/** Stops runs that nothing watches any more: a provider is paid by the token. */
export interface Abandonment {
  /** Says whose a run is, before it is started. */
  own(run: string, owner: string): void
  readonly onEvent: (path: string, event: RunEvent) => void
  close(): void
}

interface Watched {
  readonly owner: string
  /** Viewers here now, and how many there have been. */
  viewers: number
  begun: number
  timer: NodeJS.Timeout | undefined
}

/** Viewers of other processes are known to have begun, not to have left: a run that has had any there is not stopped. */
export function createAbandonment({ after, runsOf, onError }: AbandonmentOptions): Abandonment {
  const owners = new Map<string, string>()
  const all = new Map<string, Watched>()

  function wait(path: string, id: string, watched: Watched): void {
    clearTimeout(watched.timer)
    watched.timer = setTimeout(() => void look(path, id, watched).catch(onError), after)
  }

  async function look(path: string, id: string, watched: Watched): Promise<void> {
    const runs = runsOf(path)
    const { owner } = watched
    const { metrics } = (await runs?.status(id, { owner })) ?? {}
    if (watched.viewers > 0 || !all.has(id)) return
    if ((metrics?.viewers ?? 0) > watched.begun) return wait(path, id, watched)
    await runs?.stop(id, { owner })
  }

  return {
    own(run, owner) {
      if (after < Infinity) owners.set(run, owner)
    },
    onEvent(path, { type, id }) {
      if (type === "start") {
        const owner = owners.get(id)
        owners.delete(id)
        if (owner === undefined) return
        const watched = { owner, viewers: 0, begun: 0, timer: undefined }
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
