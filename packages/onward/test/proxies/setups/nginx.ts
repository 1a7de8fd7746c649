import { added, IMPATIENCE, indent, type Setup } from "../setup.ts"

export const nginx: Setup = {
  name: "nginx",
  program: "nginx",
  version: ["-v"],
  lines: (origin) => `location / {\n    proxy_pass http://127.0.0.1:${origin};\n}`,
  uses: {
    impatient: `proxy_read_timeout ${IMPATIENCE}s;`,
    compressing: "gzip_types text/event-stream;",
    caching: "proxy_cache shared;\nproxy_cache_valid any 1h;\nproxy_cache_lock on;",
    http2: "ssl_certificate cert.pem;\nssl_certificate_key key.pem;",
  },
  launch: ({ use, folder, port, origin }) => ({
    files: { "nginx.conf": configure(use === "http2" ? "ssl http2" : "", added(nginx, use), port, origin) },
    args: ["-p", folder, "-e", "stderr", "-c", "nginx.conf"],
  }),
}

// every folder for temporary files is named, because nginx makes those it was built with its own
const configure = (listen: string, more: string, port: number, origin: number): string => `
user www-data;
pid nginx.pid;
daemon off;
error_log stderr;
events { worker_connections 768; }
http {
  sendfile on;
  tcp_nopush on;
  gzip on;
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  proxy_cache_path cache keys_zone=shared:1m;
  server {
    listen 127.0.0.1:${port} ${listen};
${indent(more, 4)}
${indent(nginx.lines(origin, port), 4)}
  }
}
`
