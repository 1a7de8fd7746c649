import { EventType } from "@ag-ui/core"
import { EventSchema } from "@ag-ui/core/schemas"
import { createParser } from "../../../src/protocol/index.ts"
import { settle, type Read } from "./answer.ts"

/** Checks each event by the official schema, and their order by the rules of the protocol; then adds up. */
export const readAgUi: Read = async (body) => {
  const messages = new Map<string, string>()
  const tools = new Map<string, { name: string; input: string }>()
  const open = new Set<string>()
  const others: unknown[] = []
  let hasStarted = false
  let hasFinished = false
  let error: string | undefined
  let messageId = ""
  let toolId = ""

  function begin(id: string): void {
    if (open.has(id)) throw new Error(`${id} was begun twice`)
    open.add(id)
  }

  function within(id: string): void {
    if (!open.has(id)) throw new Error(`${id} has not begun`)
  }

  function take(data: string): void {
    const event = EventSchema.parse(JSON.parse(data))
    if (hasFinished || error !== undefined) throw new Error(`${event.type} came after the end`)
    if (!hasStarted && event.type !== EventType.RUN_STARTED && event.type !== EventType.RUN_ERROR)
      throw new Error("RUN_STARTED is missing")
    switch (event.type) {
      case EventType.RUN_STARTED:
        hasStarted = true
        break
      case EventType.TEXT_MESSAGE_START:
      case EventType.REASONING_MESSAGE_START:
        begin(event.messageId)
        messages.set(event.messageId, "")
        break
      case EventType.TEXT_MESSAGE_CONTENT:
      case EventType.REASONING_MESSAGE_CONTENT:
        within(event.messageId)
        messages.set(event.messageId, messages.get(event.messageId) + event.delta)
        break
      case EventType.TEXT_MESSAGE_END:
      case EventType.REASONING_MESSAGE_END:
        within(event.messageId)
        open.delete(event.messageId)
        break
      case EventType.TEXT_MESSAGE_CHUNK:
        messageId = event.messageId ?? messageId
        messages.set(messageId, (messages.get(messageId) ?? "") + (event.delta ?? ""))
        break
      case EventType.TOOL_CALL_START:
        begin(event.toolCallId)
        tools.set(event.toolCallId, { name: event.toolCallName, input: "" })
        break
      case EventType.TOOL_CALL_ARGS: {
        within(event.toolCallId)
        const tool = tools.get(event.toolCallId)
        if (tool) tool.input += event.delta
        break
      }
      case EventType.TOOL_CALL_END:
        within(event.toolCallId)
        open.delete(event.toolCallId)
        break
      case EventType.TOOL_CALL_CHUNK: {
        toolId = event.toolCallId ?? toolId
        const tool = tools.get(toolId) ?? { name: event.toolCallName ?? "", input: "" }
        tool.input += event.delta ?? ""
        tools.set(toolId, tool)
        break
      }
      case EventType.RUN_FINISHED:
        if (open.size > 0) throw new Error(`${[...open].join()} is still under way`)
        hasFinished = true
        others.push(event)
        break
      case EventType.RUN_ERROR:
        error = `${event.message} (${event.code})`
        break
      default:
        others.push(event)
    }
  }

  const reasoning = new Set<string>()
  const parser = createParser({
    onEvent({ data }) {
      take(data)
      if (data.includes('"REASONING_MESSAGE_START"')) reasoning.add([...messages.keys()].at(-1) ?? "")
    },
  })
  const told = await settle(() => Promise.resolve().then(() => parser.feed(body)))
  if (told.error !== undefined) throw new Error(told.error)
  const text = [...messages].map(([id, each]) => (reasoning.has(id) ? "" : each)).join("")
  return {
    text,
    tools: [...tools.values()],
    isComplete: hasFinished,
    ...(error !== undefined && { error }),
    final: { messages: [...messages], tools: [...tools], others },
  }
}
