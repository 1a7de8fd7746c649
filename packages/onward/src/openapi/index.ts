export { toJsonSchemas, type JsonSchema, type JsonSchemaOptions } from "./json-schema.ts"
export { controlEvents, eventSchema, streamComponents } from "./stream-events.ts"
export { toOpenApi, type OpenApiDocument, type OpenApiOptions } from "./to-open-api.ts"
