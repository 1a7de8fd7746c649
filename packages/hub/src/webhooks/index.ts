export { resolveWebhooks, WEBHOOK_EVENTS, type WebhookOptions } from "./options.ts"
export { createWebhooks, needPresence, needStreams, watchedBy, type Webhooks } from "./webhooks.ts"
