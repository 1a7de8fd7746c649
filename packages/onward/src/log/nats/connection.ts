/** The methods of a connection that `natsLog` uses. `@nats-io/transport-node` and the other transports of NATS.js provide them. */
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

/** A message that a connection delivers. */
export interface NatsMessage {
  readonly subject: string
  readonly reply?: string
  readonly data: Uint8Array
  readonly headers?: { readonly code: number; readonly description: string; get(name: string): string }
  respond(): boolean
}
