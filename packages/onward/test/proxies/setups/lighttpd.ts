import { join } from "node:path"
import { added, IMPATIENCE, type Launch, type Setup, type Site } from "../setup.ts"

const ONE_LINE = "server.stream-response-body = 2"

/** As Debian ships it, which cannot serve a stream. */
export const lighttpd: Setup = {
  name: "lighttpd",
  program: "lighttpd",
  version: ["-v"],
  lines: (origin) =>
    `server.modules += ( "mod_proxy" )\nproxy.server = ( "" => (( "host" => "127.0.0.1", "port" => ${origin} )) )`,
  uses: {},
  launch: (site) => launch(lighttpd, site),
}

export const lighttpdStreaming: Setup = {
  ...lighttpd,
  name: `lighttpd with \`${ONE_LINE}\``,
  lines: (origin, port) => `${lighttpd.lines(origin, port)}\n${ONE_LINE}`,
  uses: { impatient: `"read-timeout" => ${IMPATIENCE}`, http2: "" },
  isHttp2InCleartext: true,
  launch: (site) => launch(lighttpdStreaming, site),
}

function launch(setup: Setup, { use, folder, port, origin }: Site): Launch {
  const more = added(setup, use)
  const lines = setup.lines(origin, port)
  return {
    files: {
      "lighttpd.conf": `
server.document-root = "${folder}"
server.upload-dirs = ( "${folder}" )
server.bind = "127.0.0.1"
server.port = ${port}
server.feature-flags += ( "server.h2proto" => "enable", "server.h2c" => "enable" )
${more ? lines.replace(`"port" => ${origin}`, `$&, ${more}`) : lines}
`,
    },
    args: ["-D", "-f", join(folder, "lighttpd.conf")],
  }
}
