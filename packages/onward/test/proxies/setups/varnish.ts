import { join } from "node:path"
import { added, IMPATIENCE, type Setup } from "../setup.ts"

export const varnish: Setup = {
  name: "Varnish",
  program: "varnishd",
  version: ["-V"],
  lines: (origin) => `backend default {\n    .host = "127.0.0.1";\n    .port = "${origin}";\n}`,
  uses: {
    impatient: `sub vcl_backend_fetch { set bereq.first_byte_timeout = ${IMPATIENCE}s; set bereq.between_bytes_timeout = ${IMPATIENCE}s; }`,
    compressing: "sub vcl_backend_response { set beresp.do_gzip = true; }",
    // by itself it passes on what has a cookie
    caching: "sub vcl_recv { return (hash); }\nsub vcl_backend_response { set beresp.ttl = 1h; }",
    http2: "",
  },
  isHttp2InCleartext: true,
  launch: ({ use, folder, port, origin }) => ({
    files: { "default.vcl": `vcl 4.1;\n${varnish.lines(origin, port)}\n${added(varnish, use)}\n` },
    args: [
      "-F",
      ...["-j", "none"],
      ...["-n", join(folder, "work")],
      ...["-a", `127.0.0.1:${port}`],
      ...["-T", "none"],
      ...["-f", join(folder, "default.vcl")],
      ...["-s", "malloc,16m"],
      ...["-p", "feature=+http2"],
    ],
  }),
}
