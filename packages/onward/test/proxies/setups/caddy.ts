import { join } from "node:path"
import { added, IMPATIENCE, indent, type Setup } from "../setup.ts"

export const caddy: Setup = {
  name: "Caddy",
  program: "caddy",
  version: ["version"],
  lines: (origin) => `reverse_proxy 127.0.0.1:${origin}`,
  uses: {
    // a limit it has only when asked
    impatient: `{\n  transport http {\n    read_timeout ${IMPATIENCE}s\n  }\n}`,
    compressing: "encode gzip",
    http2: "tls cert.pem key.pem",
  },
  launch: ({ use, folder, port, origin }) => ({
    files: { Caddyfile: configure(use === "http2", use === "impatient", added(caddy, use), port, origin) },
    args: ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")],
  }),
}

const configure = (isSecure: boolean, isInside: boolean, more: string, port: number, origin: number): string => `
{
  admin off
  auto_https off
}
${isSecure ? "https" : "http"}://localhost:${port}, ${isSecure ? "https" : "http"}://127.0.0.1:${port} {
  bind 127.0.0.1
${indent(isInside ? `${caddy.lines(origin, port)} ${more}` : `${more}\n${caddy.lines(origin, port)}`, 2)}
}
`
