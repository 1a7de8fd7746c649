import { join } from "node:path"
import { added, IMPATIENCE, type Setup } from "../setup.ts"

export const squid: Setup = {
  name: "Squid",
  program: "squid",
  version: ["-v"],
  lines: (origin, port) =>
    `http_port 127.0.0.1:${port} accel defaultsite=localhost no-vhost\ncache_peer 127.0.0.1 parent ${origin} 0 no-query originserver`,
  uses: {
    impatient: `read_timeout ${IMPATIENCE} seconds`,
    caching: "refresh_pattern . 60 100% 60 override-expire override-lastmod",
  },
  launch: ({ use, folder, port, origin }) => ({
    files: { "squid.conf": configure(folder, added(squid, use), port, origin) },
    // the name keeps what it shares with its processes apart from that of others
    args: ["-N", "-n", `onward${port}`, "-f", join(folder, "squid.conf")],
    leftovers: ["metadata", "queues", "readers"].map((part) => `/dev/shm/onward${port}-cf__${part}.shm`),
  }),
}

const configure = (folder: string, more: string, port: number, origin: number): string => `
http_access allow localhost
http_access deny all
pid_filename ${folder}/squid.pid
cache_log stdio:/dev/stderr
access_log none
coredump_dir ${folder}
pinger_enable off
${more}
refresh_pattern -i (/cgi-bin/|\\?) 0 0% 0
refresh_pattern . 0 20% 4320
${squid.lines(origin, port)}
`
