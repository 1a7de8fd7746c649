export type HubObservation =
  | { type: "opened" }
  | { type: "resumed"; outcome: string }
  | { type: "closed"; reason: string }
  | { type: "published"; messages: readonly unknown[]; repeated: number; error?: unknown }
  | { type: "delivered"; entries: number; bytes: number; lag: number }
  | { type: "replayed"; entries: number }
