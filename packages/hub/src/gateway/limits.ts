/** What the gateway waits for, and how much it takes. Durations in ms. */
export interface GatewayLimits {
  /** After this long without the provider's status, the gateway begins a stream's answer by itself. @default 1_000 */
  readonly headAfter: number
  /** Longest wait for the provider's status and headers. @default 600_000 */
  readonly headTimeout: number
  /** Longest wait from the provider's headers to the first event of a stream. @default 600_000 */
  readonly firstTimeout: number
  /** Longest wait between two events of a stream, or two pieces of another answer. @default 600_000 */
  readonly idleTimeout: number
  /** Longest pause of a client within the body of its request. @default 60_000 */
  readonly uploadTimeout: number
  /** Largest body of a request that is read before it is passed on, in bytes. @default 64 MiB */
  readonly requestBytes: number
  /** Longest stream, in characters, and largest event of one, in bytes. @default 64 MiB */
  readonly answerBytes: number
  /** How often a request is made again, of this upstream or the next one, before the first byte of an answer. @default 0 */
  readonly retries: number
  /** After this long without a viewer, a run is stopped. @default Infinity */
  readonly abandonAfter: number
}

const MIB = 1024 ** 2

export const LIMITS: GatewayLimits = {
  headAfter: 1_000,
  headTimeout: 600_000,
  firstTimeout: 600_000,
  idleTimeout: 600_000,
  uploadTimeout: 60_000,
  requestBytes: 64 * MIB,
  answerBytes: 64 * MIB,
  retries: 0,
  abandonAfter: Infinity,
}
