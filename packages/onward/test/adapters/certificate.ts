import { generateKeyPairSync, randomBytes, sign } from "node:crypto"

const encode = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}
const sequence = (...parts: readonly Uint8Array[]): Buffer => encode(0x30, ...parts)
const oid = (hex: string): Buffer => encode(0x06, Buffer.from(hex, "hex"))
const bits = (content: Uint8Array): Buffer => encode(0x03, Buffer.from([0]), content)

const ECDSA_SHA256 = sequence(oid("2a8648ce3d040302"))
const COMMON_NAME = oid("550403")
const ALTERNATIVE_NAME = oid("551d11")

/** A key and a certificate that it signed itself, for `localhost`, made anew by each run (RFC 5280 section 4.1). */
export function selfSigned(): { key: string; cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const name = sequence(encode(0x31, sequence(COMMON_NAME, encode(0x0c, Buffer.from("localhost")))))
  const validity = sequence(...["200101000000Z", "491231235959Z"].map((time) => encode(0x17, Buffer.from(time))))
  const names = sequence(encode(0x82, Buffer.from("localhost")))
  const certificate = sequence(
    encode(0xa0, encode(0x02, Buffer.from([2]))),
    encode(0x02, Buffer.from([1]), randomBytes(8)),
    ECDSA_SHA256,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    encode(0xa3, sequence(sequence(ALTERNATIVE_NAME, encode(0x04, names)))),
  )
  const signed = sequence(certificate, ECDSA_SHA256, bits(sign("sha256", certificate, privateKey)))
  const lines = signed.toString("base64").replace(/.{64}/g, "$&\n")
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  }
}
