export { resolveWebhooks, WEBHOOK_EVENTS, type WebhookOptions } from "./options.ts"
export { canReload, createWebhooks, needPresence, watchedBy, type Webhooks } from "./webhooks.ts"
export type { WebhookStatus } from "./deliveries.ts"
