export type {
  PgClient,
  PgPool,
  PgQueryable,
  PostgresClient,
  PostgresJs,
  PostgresJsQuery,
  PostgresJsQueryable,
  PostgresTransaction,
} from "./connection.ts"
export { postgresLog, type PostgresLog, type PostgresLogOptions } from "./postgres-log.ts"
export { postgresSchema } from "./schema.ts"
