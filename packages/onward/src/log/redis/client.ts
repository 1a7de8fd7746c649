import { kindOf } from "../../kind.ts"

/** What is asked of ioredis: `Redis` (also by Sentinel) and `Cluster`. */
export interface IoredisClient {
  readonly status: string
  call(command: string, words: (string | number)[]): Promise<unknown>
  duplicate(): IoredisClient
  disconnect(): void
  on(event: "error", listener: (error: Error) => void): unknown
  off(event: "error", listener: (error: Error) => void): unknown
}

/** What is asked of node-redis: `createClient`, `createCluster`, `createSentinel`. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady: boolean
  /** Its first arguments differ: a cluster asks for the key, a cluster and a sentinel whether it only reads. */
  sendCommand(...given: never[]): Promise<unknown>
  duplicate(): NodeRedisClient
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: "error", listener: (error: Error) => void): unknown
  off(event: "error", listener: (error: Error) => void): unknown
}

/** A client of one of the two packages, made and connected by whoever uses it. */
export type RedisClient = IoredisClient | NodeRedisClient

/** Both packages alike. */
export interface Connection {
  /** Sends a command that is about one key. */
  send(key: string, words: readonly string[]): Promise<unknown>
  isReady(): boolean
  /** Whether commands without a key may go to any of several servers. */
  readonly hasManyServers: boolean
  /** Another connection like this one, for what blocks. It never throws; it may not be ready yet. */
  duplicate(): Connection
  /** Calls `listener` with what goes wrong between commands, such as a refused password; returns the undo. */
  onError(listener: (error: Error) => void): () => void
  /** Ends it at once. Only for duplicates: the first one belongs to the user. */
  end(): void
}

/** Finds out which client it is by what it can do. Throws a `TypeError` when it is neither. */
export function connectionOf(client: RedisClient): Connection {
  const given: unknown = client
  if (typeof given === "object" && given !== null) {
    if ("call" in given && "status" in given && typeof given.call === "function")
      return ofIoredis(client as IoredisClient)
    if ("sendCommand" in given && "isReady" in given) return ofNodeRedis(client as NodeRedisClient)
  }
  throw new TypeError(
    `redisLog takes a client of ioredis or of redis (node-redis), not ${kindOf(given)}. Pass what its constructor or \`createClient\` returned.`,
  )
}

function ofIoredis(client: IoredisClient): Connection {
  return {
    send: (_key, [command = "", ...words]) => client.call(command, words),
    isReady: () => client.status === "ready",
    hasManyServers: "nodes" in client,
    onError: (listener) => listening(client, listener),
    duplicate() {
      const copy = client.duplicate()
      // what fails is told by the commands that fail
      copy.on("error", () => {})
      return ofIoredis(copy)
    },
    end: () => client.disconnect(),
  }
}

function ofNodeRedis(client: NodeRedisClient, connecting: Promise<unknown> = Promise.resolve()): Connection {
  const isCluster = "slots" in client || "masters" in client
  const isSentinel = !isCluster && "getSentinelNode" in client
  const send = client.sendCommand.bind(client) as (...given: unknown[]) => Promise<unknown>
  const destroy = async (): Promise<void> => {
    if (client.isOpen) await client.destroy()
  }
  return {
    send(key, words) {
      if (isCluster) return send(key, false, words)
      return isSentinel ? send(false, words) : send(words)
    },
    isReady: () => client.isReady,
    hasManyServers: isCluster,
    onError: (listener) => listening(client, listener),
    duplicate() {
      const copy = client.duplicate()
      copy.on("error", () => {})
      return ofNodeRedis(
        copy,
        copy.connect().catch(() => {}),
      )
    },
    end() {
      // a cluster that is destroyed while it connects goes on connecting to its nodes
      const ending = isCluster ? connecting.then(destroy) : destroy()
      ending.catch(() => {})
    },
  }
}

function listening(client: RedisClient, listener: (error: Error) => void): () => void {
  client.on("error", listener)
  return () => void client.off("error", listener)
}
