import cluster from "node:cluster"
import { sessionFunctions } from "./admin/shared-sessions.ts"
import { checkAuth } from "./auth/index.ts"
import { loadConfig, mergeReloaded, type Config, type Flags, type Loaded, type Reloaded } from "./config/index.ts"
import { closing, greet, type Ready } from "./greeting.ts"
import { createLogger, describeError, type Logger } from "./logger.ts"
import { startServer, type HubServer } from "./server.ts"
import { explainStart } from "./start-failure.ts"
import { UsageError } from "./usage-error.ts"
import { tellPrimary } from "./worker-calls.ts"
import { NotStarted, startWorkers } from "./workers.ts"

/** Runs `onward serve` until a signal ends it. An error at the start is one line and exit code 1. */
export async function serve(flags: Flags, { config, ignored }: Loaded): Promise<void> {
  const logger = createLogger({ format: config.logFormat, level: config.logLevel })
  const hangups = createHangups(flags, logger)
  // a closed output must not end the hub
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  if (ignored.length > 0 && cluster.isPrimary) {
    logger.log("warn", `There is no setting for ${ignored.join(", ")}. onward config lists the variables.`)
  }
  if (config.workers > 1 && cluster.isPrimary) return lead(config, logger, hangups)
  let server: HubServer | undefined
  // before the hub starts: in a container, process 1 ignores signals without a handler
  onLeave((times) => {
    if (server === undefined) process.exit(0)
    // in a terminal, workers get each signal twice: from the terminal and from the primary process
    if (times > 1 && cluster.isWorker) return
    if (times > 1) process.exit(1)
    if (!cluster.isWorker) logger.log("info", closing(config))
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.log("error", describeError(error))
        process.exit(1)
      },
    )
  })
  try {
    server = await startServer(config, logger, process.env)
  } catch (error) {
    console.error(`onward: ${explainStart(error, config)}`)
    process.exit(error instanceof UsageError ? 2 : 1)
  }
  const { address, admin, place } = server
  if (cluster.isWorker) process.send?.({ address, admin, place } satisfies Ready)
  else greet(server, config, logger)
  const started = server
  hangups.apply((next) => {
    const reloaded = started.reload(next)
    // with several workers, only the primary process reports it
    if (cluster.isWorker) tellPrimary()
    else tellReloaded(reloaded, logger)
  })
}

/** Runs several processes that listen together. */
async function lead(config: Config, logger: Logger, hangups: Hangups): Promise<void> {
  const report = (line: string): void => logger.log("error", line)
  const workers = await startWorkers<Ready>(config.workers, report, sessionFunctions()).catch((error: unknown) =>
    process.exit(error instanceof NotStarted ? error.exitCode : 1),
  )
  greet(workers.ready, config, logger)
  let current = config
  let reloading = Promise.resolve()
  hangups.apply((next) => {
    const reloaded = mergeReloaded(current, next)
    current = reloaded.config
    logger.setLevel(current.logLevel)
    reloading = reloading.then(async () => {
      await workers.reload()
      tellReloaded(reloaded, logger)
    })
  })
  onLeave((times) => {
    if (times === 1) logger.log("info", closing(config))
    workers.leave()
  })
  await workers.ended
  process.exit(0)
}

function onLeave(leave: (times: number) => void): void {
  let times = 0
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM"]
  // a closed terminal ends its processes
  if (process.stdout.isTTY) signals.push("SIGHUP")
  for (const signal of signals) process.on(signal, () => leave(++times))
}

interface Hangups {
  /** From now on each SIGHUP reloads the configuration, and so does one that came before. An invalid one changes nothing. */
  apply(reload: (next: Config) => void): void
}

/** Handles SIGHUP from now on: without a handler the signal ends the process, also while it starts. */
function createHangups(flags: Flags, logger: Logger): Hangups {
  if (process.stdout.isTTY) return { apply() {} }
  let reload: ((next: Config) => void) | undefined
  let isDue = false

  function onHangup(): void {
    if (reload === undefined) isDue = true
    else load(reload)
  }

  function load(apply: (next: Config) => void): void {
    loadConfig(flags, process.env)
      .then(({ config }) => {
        // the primary process does not use the configuration itself
        checkAuth(config.auth)
        return apply(config)
      })
      .catch((error: unknown) => {
        if (cluster.isWorker) return tellPrimary()
        logger.log(
          "error",
          `The configuration was not reloaded. The hub keeps the previous one. ${describeError(error)}`,
        )
      })
  }

  process.on("SIGHUP", onHangup)
  return {
    apply(next) {
      reload = next
      if (isDue) load(next)
    },
  }
}

function tellReloaded({ applied, needRestart }: Reloaded, logger: Logger): void {
  const changes = applied.length === 0 ? "no setting changed" : `${applied.join(", ")} changed`
  logger.log("info", `The configuration was reloaded: ${changes}.`, { applied })
  if (needRestart.length === 0) return
  logger.log("warn", `A restart is needed for the changes of ${needRestart.join(", ")}.`, { needRestart })
}
