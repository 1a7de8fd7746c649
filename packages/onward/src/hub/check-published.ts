import { byteLength } from "../bytes.ts"
import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { checkMessage } from "../log/index.ts"
import { MESSAGE_FIELDS, type Message, type StoredMessage } from "../message.ts"
import { checkKinds, checkNames, unknownField } from "../options.ts"
import { checkAnyTopic, checkTopic } from "../topic.ts"
import type { Limits } from "./limits.ts"

/** How messages are published. These are decisions of the program, so no field of a message can make them. */
export interface PublishOptions {
  /**
   * Accepts every topic name of 1 to 4,096 UTF-8 bytes without control characters, also names with `*` or `:name`, and names starting with
   * `stream.`. Only subscriptions with `matchers` can ask for such a topic exactly. @default false
   */
  readonly anyTopic?: boolean
  /**
   * What happens to a message whose `id` its topic already keeps. `"ignore"`: it is a repeat. `"dispatch"`: it is stored and sent like any
   * other, and a client that resumes after this id continues after the oldest kept entry that has it. An `idempotencyKey` still makes
   * repeats. @default "ignore"
   */
  readonly repeatedIds?: "ignore" | "dispatch"
}

/** A checked message, before it is filed. */
export interface CheckedMessage extends StoredMessage, Pick<Message, "also" | "private"> {}

/** Most topics of one message, `topic` included. */
const MAX_TOPICS = 1_000

const FIELDS = [...MESSAGE_FIELDS, "also", "private"]

/** Throws `TypeError` for options that do not exist or are invalid. */
export function checkPublishOptions(options: PublishOptions): void {
  if (typeof options === "string")
    throw new TypeError("publish takes a message like { topic, data }, then its options.")
  checkNames("publish", options, ["anyTopic", "repeatedIds"])
  checkKinds("publish", options, { anyTopic: "true or false" })
  const { repeatedIds } = options
  if (repeatedIds === undefined || repeatedIds === "ignore" || repeatedIds === "dispatch") return
  throw new TypeError(`publish: \`repeatedIds\` must be "ignore" or "dispatch", not ${kindOf(repeatedIds)}.`)
}

/** Turns what a publisher gave into what the hub stores, as `checkMessage` does for a log. Throws `OnwardError` saying which field is wrong. */
export function checkPublished(message: Message, limits: Limits, { anyTopic = false }: PublishOptions): CheckedMessage {
  const isPlain = typeof message !== "object" || message === null || Array.isArray(message)
  if (!isPlain) for (const name in message) if (!FIELDS.includes(name)) throw unknownField(name, FIELDS)
  if (isPlain || !("also" in message || "private" in message)) {
    return checkPlain(message, limits, limits.messageBytes, anyTopic)
  }
  const { also, private: given, ...plain } = message
  const isPrivate: unknown = given
  if (isPrivate !== undefined && isPrivate !== true) {
    throw new OnwardError("invalid_message", `\`private\` is true or absent, not ${kindOf(isPrivate)}.`)
  }
  const others = checkAlso(also, message.topic, anyTopic)
  const size = others.reduce((sum, topic) => sum + byteLength(topic), 0)
  return {
    ...checkPlain(plain, limits, limits.messageBytes - size, anyTopic),
    ...(others.length > 0 && { also: others }),
    ...(isPrivate === true && { private: true as const }),
  }
}

const checkPlain = (message: Message, limits: Limits, maxBytes: number, anyTopic: boolean): StoredMessage =>
  checkMessage(message, maxBytes, limits.cursorBytes, anyTopic ? checkAnyTopic : checkTopic)

/** Without duplicates and without `topic`. */
function checkAlso(also: unknown, topic: string, anyTopic: boolean): string[] {
  if (also === undefined) return []
  if (!Array.isArray(also)) {
    throw new OnwardError("invalid_message", `\`also\` must be an array of topics, not ${kindOf(also)}.`)
  }
  if (also.length >= MAX_TOPICS) {
    throw new OnwardError(
      "invalid_message",
      `A message can have ${MAX_TOPICS} topics, not ${also.length + 1}. Publish several messages.`,
    )
  }
  for (const each of also as readonly string[]) (anyTopic ? checkAnyTopic : checkTopic)(each)
  return [...new Set(also as readonly string[])].filter((each) => each !== topic)
}
