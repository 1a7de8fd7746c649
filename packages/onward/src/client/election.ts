/** Who holds a Web Lock is the one; it passes on when its tab is closed or crashes, whatever became of that tab. */
export interface Election {
  /** Waits to be elected; `isForced` takes the lock from who has it, which may be frozen. */
  stand(isForced?: boolean): void
  /** Gives up the lock, or waiting for it. */
  withdraw(): void
}

/** @param onElected called when this tab is the one; @param onDeposed when another took the lock from it */
export function createElection(name: string, onElected: () => void, onDeposed: () => void): Election {
  let withdraw = (): void => {}
  return {
    stand(isForced = false) {
      withdraw()
      const waiting = new AbortController()
      let isElected = false
      const over = new Promise<void>((resolve) => {
        withdraw = () => {
          resolve()
          waiting.abort()
          isElected = false
        }
      })
      navigator.locks
        .request(name, isForced ? { steal: true } : { signal: waiting.signal }, () => {
          if (waiting.signal.aborted) return
          isElected = true
          onElected()
          return over
        })
        .catch(() => {
          // a lock that was taken from its holder rejects, and so does a request that was aborted
          if (isElected) onDeposed()
          // what may share nothing, as a page in a sandbox, has only itself to lead
          else if (!waiting.signal.aborted) onElected()
        })
    },
    withdraw: () => withdraw(),
  }
}
