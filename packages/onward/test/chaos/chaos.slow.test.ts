import { seed } from "../protocol/seed.ts"
import { testShortRun } from "./short-run.ts"

// that the command works; the other logs are in chaos.long.test.ts, and each log, seed and failover at length is `npm run chaos`
testShortRun({ log: "sqlite", seed, minutes: "0.18" })
