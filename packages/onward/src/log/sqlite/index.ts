export { sqliteLog, type SqliteLogOptions } from "./sqlite-log.ts"
