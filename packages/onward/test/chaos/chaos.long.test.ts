import { seed } from "../protocol/seed.ts"
import { testShortRun } from "./short-run.ts"

testShortRun({ log: "sqlite", seed, minutes: "0.18" })
testShortRun({ log: "redis", seed: seed + 2, minutes: "0.5" })
testShortRun({ log: "postgres", seed: seed + 3, minutes: "0.5" })
testShortRun({ log: "nats", seed: seed + 4, minutes: "0.5" })
