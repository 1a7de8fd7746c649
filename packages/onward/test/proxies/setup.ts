/**
 * What a proxy is to do in a check: forward as it does by default, be quick to give up on silence, compress event streams,
 * cache whatever it may, or speak HTTP/2 to clients.
 */
export type Use = "plain" | "impatient" | "compressing" | "caching" | "http2"

/** How long an impatient proxy stands silence, in seconds. */
export const IMPATIENCE = 2

/** Where one running proxy has its things. */
export interface Site {
  readonly use: Use
  /** A folder of its own, in which any user may write; `key.pem`, `cert.pem` and `both.pem` are in it. */
  readonly folder: string
  /** Where it is to listen, on 127.0.0.1. */
  readonly port: number
  /** The port of the server behind it, on 127.0.0.1. */
  readonly origin: number
}

export interface Launch {
  /** Contents by name, written to the site's folder before. */
  readonly files: Readonly<Record<string, string>>
  /** For a process that stays in the foreground. */
  readonly args: readonly string[]
  /** Files it leaves outside of its folder when it is killed. */
  readonly leftovers?: readonly string[]
}

/** How one proxy is run: with Debian's configuration as far as it can touch a stream, and the lines that make it a proxy. */
export interface Setup {
  readonly name: string
  readonly program: string
  /** Arguments that make it print its version. */
  readonly version: readonly string[]
  /** What has to be added to Debian's configuration for a server at `origin`; shown in the documents. */
  lines(origin: number, port: number): string
  /** What is added for each other use, on top; one that is not there cannot be done with Debian's package. */
  readonly uses: Readonly<Partial<Record<Exclude<Use, "plain">, string>>>
  /** Whether clients must know beforehand that it speaks HTTP/2, because it does so without TLS. */
  readonly isHttp2InCleartext?: boolean
  launch(site: Site): Launch
}

/** What a use adds to a setup; nothing for the plain one. */
export const added = ({ uses }: Setup, use: Use): string => (use === "plain" ? "" : (uses[use] ?? ""))

export const indent = (text: string, by: number): string => text.replace(/^(?=.)/gm, " ".repeat(by))
