export { eventStore, type EventStore, type EventStoreOptions } from "./event-store.ts"
export { resume, type ResumeOptions } from "./resume.ts"
