import type { Setup } from "./setup.ts"
import { apache } from "./setups/apache.ts"
import { caddy } from "./setups/caddy.ts"
import { haproxy, haproxyAtOnce } from "./setups/haproxy.ts"
import { lighttpd, lighttpdStreaming } from "./setups/lighttpd.ts"
import { nginx } from "./setups/nginx.ts"
import { squid } from "./setups/squid.ts"
import { varnish } from "./setups/varnish.ts"

/** Every proxy that is tried, in the order of the table. */
export const setups: readonly Setup[] = [
  nginx,
  haproxy,
  haproxyAtOnce,
  apache,
  varnish,
  caddy,
  lighttpd,
  lighttpdStreaming,
  squid,
]
