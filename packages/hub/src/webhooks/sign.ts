import { createHmac } from "node:crypto"

/**
 * The header `Webhook-Signature`: `t=<seconds since 1970>,v1=<hex>`, with a `v1` for each secret, so that a secret can be replaced without a
 * pause. Each is HMAC-SHA256 (RFC 2104) over `<t>.<body>`.
 */
export function signatureOf(body: string, secrets: readonly string[], now: number): string {
  const time = Math.floor(now / 1_000)
  const sums = secrets.map((secret) => createHmac("sha256", secret).update(`${time}.${body}`).digest("hex"))
  return [`t=${time}`, ...sums.map((sum) => `v1=${sum}`)].join(",")
}
