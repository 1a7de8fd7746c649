import { setTimeout as wait } from "node:timers/promises"
import { startPostgres, startStandby, type PostgresServer, type PostgresServerOptions } from "../../stores/postgres.ts"
import { mountDisk, type Disk } from "./disk.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

/** How long the standby has stopped following before the primary is lost, in ms, where a failover may lose something. */
const SPLIT = 300

/**
 * A primary and its standby. A commit waits for the standby (`synchronous_standby_names`), so that no failover loses what was
 * acknowledged. When it may lose, commits wait for nobody, and it does.
 */
export async function postgresStore({ keeps, mayLose }: ChaosStoreOptions): Promise<ChaosStore> {
  let primary: Housed<PostgresServer> = await house(startPostgres)
  // before there is a standby, which takes its settings over: a commit waits until there is one
  if (!mayLose) await waitForStandbys(primary)
  let standby = await house((options) => startStandby(primary, options))

  return {
    get port() {
      return primary.port
    },
    address: (port) => ({ kind: "postgres", at: `postgres://onward@127.0.0.1:${port}/postgres`, keeps }),
    async kill(ms) {
      await primary.kill()
      await wait(ms)
      await primary.restart()
    },
    async failOver() {
      await following(primary)
      const old = primary
      if (mayLose) await standby.promote()
      if (mayLose) await wait(SPLIT)
      await old.kill()
      if (!mayLose) await standby.promote()
      primary = standby
      standby = await house((options) => startStandby(primary, options))
      await old.close()
    },
    ...(primary.disk && {
      async fillDisk(ms) {
        await primary.disk?.fill(ms)
        await recovered(primary)
      },
    }),
    beginsAnew: true,
    spared: primary.disk ? [] : ["disk full: only root can mount one"],
    mayLose,
    async [Symbol.asyncDispose]() {
      await Promise.all([primary.close(), standby.close()])
    },
  }
}

type Housed<Server extends PostgresServer> = Server & { readonly disk: Disk | undefined }

/**
 * A server with a disk of its own, where there can be one. On that, there may be no room for the next row, or for the next file of its
 * write-ahead log, which ends it. Small files make both likely.
 */
async function house<Server extends PostgresServer>(
  start: (options: PostgresServerOptions) => Promise<Server>,
): Promise<Housed<Server>> {
  const disk = mountDisk()
  const server = await start({ walSegment: 1, ...(disk && { within: disk.folder }) })
  const { close } = server
  return Object.assign(server, {
    disk,
    async close() {
      await close()
      disk?.[Symbol.dispose]()
    },
  })
}

/** Resolves once it answers, whether it ended for want of room, or is still about to. */
async function recovered(server: PostgresServer): Promise<void> {
  do await server.restart()
  while (
    !(await server.command("SELECT 1").then(
      () => true,
      () => wait(50, false),
    ))
  )
}

async function waitForStandbys(server: PostgresServer): Promise<void> {
  await server.command("ALTER SYSTEM SET synchronous_standby_names = '*'")
  await server.command("SELECT pg_reload_conf()")
}

/** Resolves once the standby has all there is: who promotes one that lags behind loses what it has not got. */
async function following(primary: PostgresServer): Promise<void> {
  const streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
  while ((await primary.command(streaming).catch(String)) !== "1") await wait(50)
}
