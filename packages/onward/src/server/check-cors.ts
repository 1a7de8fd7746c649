import { kindOf } from "../kind.ts"
import { checkKinds, checkNames } from "../options.ts"

/** Checked lists, because each request passes the same one. */
const checked = new WeakSet<readonly unknown[]>()

/** Throws a `TypeError` for origins that no browser sends, and for combinations that browsers refuse. */
export function checkCors(cors: { readonly origins?: unknown; readonly credentials?: unknown }): void {
  checkNames("cors", cors, ["origins", "credentials"])
  checkKinds("cors", cors, { credentials: "true or false" })
  const { origins, credentials } = cors
  if (origins === "*") {
    if (!credentials) return
    throw new TypeError('cors: `credentials` cannot be combined with origins "*". List the origins.')
  }
  if (!Array.isArray(origins)) {
    const advice = typeof origins === "string" ? `[${JSON.stringify(origins)}]` : '["https://app.example"]'
    throw new TypeError(
      `cors: \`origins\` must be "*" or an array of origins, not ${kindOf(origins)}. Pass for instance ${advice}.`,
    )
  }
  if (checked.has(origins)) return
  for (const origin of origins as readonly unknown[]) checkOrigin(origin)
  checked.add(origins)
}

function checkOrigin(origin: unknown): void {
  if (typeof origin === "string" && origin === originOf(origin)) return
  throw new TypeError(`cors: ${kindOf(origin)} is not an origin. ${adviceFor(origin)}`)
}

function adviceFor(origin: unknown): string {
  if (origin === "*") return 'For all origins pass origins: "*".'
  if (origin === "null") return "Pages without an origin cannot be told apart, so they cannot be allowed."
  if (typeof origin !== "string") return "Pass strings, such as https://app.example."
  if (origin.includes("*")) return "Patterns are not supported. List each origin."
  const meant = originOf(origin) ?? originOf(`https://${origin}`)
  return `Pass ${meant ?? "scheme, host and port"}, as browsers send it in the header Origin.`
}

/** The origin of a URL as browsers write it (WHATWG HTML section 7.1.1); those of apps have schemes that `URL` knows no origins of. */
function originOf(url: string): string | undefined {
  if (/[*\s]/.test(url) || !URL.canParse(url)) return undefined
  const { origin, protocol, host } = new URL(url)
  if (origin !== "null") return origin
  return host === "" ? undefined : `${protocol}//${host}`
}
