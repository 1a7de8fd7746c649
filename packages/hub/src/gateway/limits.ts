/** The gateway's timeouts, in ms, and size limits. */
export interface GatewayLimits {
  /** Time without the provider's status after which the gateway starts the response to a stream itself. @default 1_000 */
  readonly headAfter: number
  /** Maximum time until the provider's status and headers. @default 600_000 */
  readonly headTimeout: number
  /** Maximum time from the provider's headers to the first event of a stream. @default 600_000 */
  readonly firstTimeout: number
  /** Maximum time between two events of a stream, or two chunks of another response. @default 600_000 */
  readonly idleTimeout: number
  /** Maximum pause of a client within a request's body. @default 60_000 */
  readonly uploadTimeout: number
  /** Maximum size of a request's body that is read before it is forwarded, in bytes. @default 64 MiB */
  readonly requestBytes: number
  /** Maximum length of a stream, in characters, and of one event, in bytes. An event counts for at least 128. @default 64 MiB */
  readonly answerBytes: number
  /** Maximum number of retries at this or the next upstream, before the first byte of a response. @default 0 */
  readonly retries: number
  /** Time without a viewer after which a run is stopped. @default Infinity */
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
