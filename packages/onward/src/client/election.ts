/** Elects one tab as the leader: the holder of a Web Lock, which the browser releases when the tab closes or crashes. */
export interface Election {
  /** Waits for the lock; with `isForced`, takes it from its holder, which may be frozen. */
  stand(isForced?: boolean): void
  /** Releases the lock, or stops waiting for it. */
  withdraw(): void
}

/** @param onElected called when this tab becomes the leader; @param onDeposed called when another tab takes the lock from it */
export function createElection(name: string, onElected: () => void, onDeposed: () => void): Election {
  let withdraw = (): void => {}
  const election: Election = {
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
          // the promise rejects when another tab takes the lock, and when the request is aborted
          if (isElected) onDeposed()
          else if (waiting.signal.aborted) return
          // the holder has kept the lock, and still leads
          else if (isForced) election.stand()
          // a page that may not use locks, for example in a sandbox, leads only itself
          else onElected()
        })
    },
    withdraw: () => withdraw(),
  }
  return election
}
