export type { IoredisClient, NodeRedisClient, RedisClient } from "./client.ts"
export { redisLog, type RedisLogOptions } from "./redis-log.ts"
