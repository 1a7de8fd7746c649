import { setTimeout as wait } from "node:timers/promises"
import { startPostgres, startStandby, type PostgresServer } from "../../stores/postgres.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

/** How long the standby has stopped following before the primary is lost, in ms, where a failover may lose something. */
const SPLIT = 300

/**
 * A primary and its standby. A commit waits for the standby (`synchronous_standby_names`), so that no failover loses what was
 * acknowledged. When it may lose, commits wait for nobody, and it does.
 */
export async function postgresStore({ keeps, mayLose }: ChaosStoreOptions): Promise<ChaosStore> {
  let primary: PostgresServer = await startPostgres()
  // before there is a standby, which takes its settings over: a commit waits until there is one
  if (!mayLose) await waitForStandbys(primary)
  let standby = await startStandby(primary)

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
      standby = await startStandby(primary)
      await old.close()
    },
    beginsAnew: true,
    spared: ["disk full: a PostgreSQL that cannot write its log ends itself, which killing it shows"],
    mayLose,
    async [Symbol.asyncDispose]() {
      await Promise.all([primary.close(), standby.close()])
    },
  }
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
