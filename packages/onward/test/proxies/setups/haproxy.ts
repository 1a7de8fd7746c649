import { join } from "node:path"
import { added, IMPATIENCE, indent, type Launch, type Setup, type Site } from "../setup.ts"

const NO_DELAY = "option http-no-delay"

/** As Debian ships it, which lets the kernel wait 200 ms for more of a response that goes on. */
export const haproxy: Setup = {
  name: "HAProxy",
  program: "haproxy",
  version: ["-v"],
  lines: (origin) => `default_backend onward\n\nbackend onward\n    server onward1 127.0.0.1:${origin}`,
  uses: {},
  launch: (site) => launch(haproxy, site),
}

export const haproxyAtOnce: Setup = {
  ...haproxy,
  name: `HAProxy with \`${NO_DELAY}\``,
  lines: (origin, port) => haproxy.lines(origin, port).replace("    server", `    ${NO_DELAY}\n$&`),
  uses: {
    impatient: `timeout server ${IMPATIENCE}s`,
    compressing: "compression algo gzip\ncompression type text/event-stream",
    caching: "http-request cache-use shared\nhttp-response cache-store shared",
    http2: "",
  },
  launch: (site) => launch(haproxyAtOnce, site),
}

function launch(setup: Setup, { use, folder, port, origin }: Site): Launch {
  const tls = use === "http2" ? ` ssl crt ${join(folder, "both.pem")} alpn h2` : ""
  const more = indent(added(setup, use), 4)
  return {
    files: { "haproxy.cfg": configure(`127.0.0.1:${port}${tls}`, `${setup.lines(origin, port)}\n${more}`) },
    args: ["-db", "-f", join(folder, "haproxy.cfg")],
  }
}

// the limits are those of Debian's sample
const configure = (bind: string, lines: string): string => `
defaults
  mode http
  option dontlognull
  timeout connect 5000
  timeout client 50000
  timeout server 50000

cache shared
  total-max-size 4
  max-age 3600

frontend web
    bind ${bind}
${indent(lines, 4)}
`
