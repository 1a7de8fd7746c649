import { kindOf } from "../../kind.ts"

/** The methods of ioredis that the log uses: of `Redis`, also with Sentinel, and of `Cluster`. */
export interface IoredisClient {
  readonly status: string
  call(command: string, words: (string | number)[]): Promise<unknown>
  duplicate(): IoredisClient
  disconnect(): void
  on(event: "error", listener: (error: Error) => void): unknown
  off(event: "error", listener: (error: Error) => void): unknown
}

/** The methods of node-redis that the log uses: of `createClient`, `createCluster` and `createSentinel`. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady: boolean
  /** The arguments before the command differ: a cluster takes the key, a cluster and a sentinel whether the command only reads. */
  sendCommand(...given: never[]): Promise<unknown>
  duplicate(): NodeRedisClient
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: "error", listener: (error: Error) => void): unknown
  off(event: "error", listener: (error: Error) => void): unknown
}

/** A client of ioredis or of redis (node-redis), connected or connecting. */
export type RedisClient = IoredisClient | NodeRedisClient

/** One interface for the clients of both packages. */
export interface Connection {
  /** Sends a command for one key. */
  send(key: string, words: readonly string[]): Promise<unknown>
  isReady(): boolean
  /** Whether a command without a key can go to any of several servers. */
  readonly hasManyServers: boolean
  /** Creates another connection with the same options, for blocking commands. It never throws. It may not be ready yet. */
  duplicate(): Connection
  /** Calls `listener` with errors that happen between commands, such as a refused password. Returns a function that stops it. */
  onError(listener: (error: Error) => void): () => void
  /** Closes the connection at once. Only for duplicates: the user closes the first one. */
  end(): void
}

/** Detects the kind of client by its methods. Throws a `TypeError` for other values. */
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
      // a failing command reports its error
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
      // a cluster that is destroyed while it connects would continue to connect to its nodes
      const ending = isCluster ? connecting.then(destroy) : destroy()
      ending.catch(() => {})
    },
  }
}

function listening(client: RedisClient, listener: (error: Error) => void): () => void {
  client.on("error", listener)
  return () => void client.off("error", listener)
}
