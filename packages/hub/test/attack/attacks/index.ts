import type { Attack } from "../stage.ts"
import { bodies } from "./bodies.ts"
import { connects } from "./connects.ts"
import { cursors } from "./cursors.ts"
import { damage } from "./damage.ts"
import { fields } from "./fields.ts"
import { flood } from "./flood.ts"
import { halfSent } from "./half-sent.ts"
import { ids } from "./ids.ts"
import { kill } from "./kill.ts"
import { lines } from "./lines.ts"
import { lookBacks } from "./look-backs.ts"
import { manyTopics } from "./many-topics.ts"
import { presence } from "./presence.ts"
import { queries } from "./queries.ts"
import { records } from "./records.ts"
import { reserved } from "./reserved.ts"
import { slowReaders } from "./slow-readers.ts"
import { targets } from "./targets.ts"
import { topics } from "./topics.ts"
import { wallClock } from "./wall-clock.ts"

export const ATTACKS: readonly Attack[] = [
  ...[ids, fields, reserved, cursors, records, topics, manyTopics, lookBacks, bodies, queries, halfSent],
  ...[flood, slowReaders, connects, presence, targets, lines, wallClock, kill, damage],
]
