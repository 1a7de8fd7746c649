export { backupSqliteLog, restoreSqliteLog } from "./backup.ts"
export { sqliteLog, type SqliteLogOptions } from "./sqlite-log.ts"
