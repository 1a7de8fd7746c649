import { join } from "node:path"
import { added, IMPATIENCE, type Setup } from "../setup.ts"

/** Modules Debian enables that can see a stream, then those a proxy takes (`a2enmod proxy_http`). */
const MODULES = ["mpm_event", "authz_core", "deflate", "filter", "reqtimeout", "proxy", "proxy_http"]
const MORE_MODULES: Readonly<Record<string, readonly string[]>> = {
  caching: ["cache", "cache_disk"],
  http2: ["socache_shmcb", "ssl", "http2"],
}

export const apache: Setup = {
  name: "Apache httpd",
  program: "apache2",
  version: ["-v"],
  lines: (origin) => `ProxyPass / http://127.0.0.1:${origin}/`,
  uses: {
    impatient: `ProxyTimeout ${IMPATIENCE}`,
    compressing: "AddOutputFilterByType DEFLATE text/event-stream",
    caching: "CacheEnable disk /\nCacheRoot ${FOLDER}/cache\nCacheDefaultExpire 3600",
    http2: "Protocols h2\nSSLEngine on\nSSLCertificateFile ${FOLDER}/cert.pem\nSSLCertificateKeyFile ${FOLDER}/key.pem",
  },
  launch: ({ use, folder, port, origin }) => ({
    files: {
      "apache2.conf": configure(folder, [...MODULES, ...(MORE_MODULES[use] ?? [])], added(apache, use), port, origin),
    },
    args: ["-f", join(folder, "apache2.conf"), "-D", "FOREGROUND"],
  }),
}

const configure = (folder: string, modules: readonly string[], more: string, port: number, origin: number): string => `
Define FOLDER ${folder}
ServerRoot \${FOLDER}
DefaultRuntimeDir \${FOLDER}
PidFile apache2.pid
ErrorLog \${FOLDER}/log
ServerName localhost
Listen 127.0.0.1:${port}
User www-data
Group www-data
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
Timeout 300
KeepAlive On
KeepAliveTimeout 5
StartServers 1
RequestReadTimeout header=20-40,minrate=500 body=10,minrate=500
AddOutputFilterByType DEFLATE text/html text/plain text/xml text/css text/javascript
${more}
${apache.lines(origin, port)}
`
