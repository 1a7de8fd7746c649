/** What `natsLog` needs of a connection: that of `@nats-io/transport-node` is one, and so are those of its siblings. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number; readonly version: string } | undefined
  request(subject: string, payload?: string | Uint8Array, options?: { timeout: number }): Promise<NatsMessage>
  publish(subject: string, payload?: string | Uint8Array): void
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: NatsMessage) => void },
  ): { unsubscribe(): void }
  status(): AsyncIterable<{ readonly type: string }>
  isClosed(): boolean
}

/** What comes by such a connection. */
export interface NatsMessage {
  readonly subject: string
  readonly reply?: string
  readonly data: Uint8Array
  readonly headers?: { readonly code: number; readonly description: string; get(name: string): string }
  respond(): boolean
}
