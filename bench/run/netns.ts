import { spawnSync } from "node:child_process"

const MARK = "ONWARD_BENCH_NETNS"

/**
 * A stock Debian's network, whatever this machine's is: an own loopback, cubic (a pacing congestion control would lengthen the
 * tail), room for a storm of connections.
 */
const SETUP = `
ip link set lo up
for net in 127.0.0.0/8 127.0.0.1; do
  ip route replace table local local $net dev lo proto kernel scope host src 127.0.0.1 congctl cubic
done
echo 65535 > /proc/sys/net/core/somaxconn
echo "10000 65535" > /proc/sys/net/ipv4/ip_local_port_range
exec "$@"`

/**
 * Runs this very command again in a network namespace of its own and ends with its status. Returns, with the reason or with
 * undefined, when it is inside already or cannot get one (needs root, `unshare` and `ip`).
 */
export function enterNamespace(): string | undefined {
  if (process.env[MARK]) return undefined
  if (process.getuid?.() !== 0) return "no network namespace (not root)"
  for (const probe of [
    ["unshare", "-n", "true"],
    ["ip", "-V"],
  ] as const) {
    if (spawnSync(probe[0], probe.slice(1)).status !== 0) return `no network namespace (\`${probe.join(" ")}\` fails)`
  }
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const { status } = spawnSync("unshare", ["-n", "sh", "-c", SETUP, "sh", ...command], {
    stdio: "inherit",
    env: { ...process.env, [MARK]: "1" },
  })
  process.exit(status ?? 1)
}
