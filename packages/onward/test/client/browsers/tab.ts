/** A browser that is open, with nothing remembered from before. */
export interface Browser {
  /** Another tab, which comes to the front. */
  open(url: string): Promise<Tab>
  close(): Promise<void>
}

export interface Tab {
  goto(url: string): Promise<void>
  /** Goes one page back in history. */
  back(): Promise<void>
  /**
   * Runs a function in the page, of which it can only use its arguments and what the page has; resolves to what it, or its promise, gives.
   * Both are copied as JSON is.
   */
  evaluate<Args extends unknown[], Result>(
    run: (...args: Args) => Result | Promise<Result>,
    ...args: Args
  ): Promise<Result>
  /** Puts it behind another tab, or minimizes it. */
  hide(): Promise<void>
  show(): Promise<void>
  close(): Promise<void>
  /** Ends the process of the page, as a crash would. WebKit's driver ends its session then: nothing can be asked of that browser any more. */
  crash(): Promise<void>
  /** What browsers do to pages that were hidden for long: no task runs any more. Only the DevTools protocol can. */
  setFrozen?(isFrozen: boolean): Promise<void>
  /** Cuts the page off from the network, which the browser reports to it. Absent where the driver cannot. */
  setOffline?(isOffline: boolean): Promise<void>
}
