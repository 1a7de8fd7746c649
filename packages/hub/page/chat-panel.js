import { ask, post } from "./ask.js"
import { openAnswer } from "./chat-answer.js"
import { byId, create, followEnd, report, show } from "./elements.js"
import { randomName } from "./stream.js"

const KEPT = "onward-chat"
/** The id of this browser's chat, which all its tabs show. */
export const chat = localStorage.getItem(KEPT) ?? randomName()
localStorage.setItem(KEPT, chat)

const form = byId("chat")
const list = byId("turns")
const [send, stop] = [byId("chat-send"), byId("chat-stop")]
const scroll = followEnd(list)
const answers = new Map()

const running = () => [...answers.values()].filter(({ isOver }) => !isOver)

function showControls() {
  const isWriting = running().length > 0
  // moves the focus from the removed button to the other one
  const hadFocus = [send, stop].includes(document.activeElement)
  send.hidden = isWriting
  stop.hidden = !isWriting
  if (hadFocus) (isWriting ? stop : send).focus()
}

/** Shows a question and its answer, unless they are already shown. */
function add(turn) {
  if (answers.has(turn.run)) return
  list.querySelector(".empty")?.remove()
  const item = create("li", "turn")
  const answer = openAnswer(turn, () => {
    scroll()
    showControls()
  })
  answers.set(turn.run, answer)
  item.append(create("p", "asked", turn.prompt), answer.element)
  list.append(item)
  showControls()
  list.scrollTop = list.scrollHeight
}

const loaded = ask(`/demo/chat?id=${chat}`)
  .then(({ turns }) => turns.forEach(add))
  .catch((error) => report("chat-state", error.message, true))

/** Called for each question of this chat, from any tab. */
export const addTurn = (event) => void loaded.then(() => add(event.json()))

form.addEventListener("submit", async (event) => {
  event.preventDefault()
  if (running().length > 0) return
  const { prompt } = form.elements
  send.disabled = true
  try {
    const body = JSON.stringify({ chat, prompt: prompt.value })
    add(await post("/demo/chat", body, { "content-type": "application/json" }))
    prompt.value = ""
    report("chat-state", "")
  } catch (error) {
    report("chat-state", error.message, true)
  }
  send.disabled = false
})

stop.addEventListener("click", async () => {
  stop.disabled = true
  try {
    await Promise.all(running().map((answer) => answer.stop()))
  } catch {
    report("chat-state", "The answer could not be stopped. Try again.", true)
  }
  stop.disabled = false
})

byId("chat-new").addEventListener("click", () => {
  localStorage.removeItem(KEPT)
  location.reload()
})

/** Shows which process answers; called when the hub is reachable, possibly by another process. */
export async function showSource() {
  try {
    const { model, pid } = await ask("/demo/about")
    byId("chat-source").classList.toggle("is-canned", !model)
    show("chat-source", model ? `Answers by ${model}` : "Canned text, not an AI")
    show("chat-kill", `kill -9 ${pid}`)
  } catch (error) {
    report("chat-state", error.message, true)
  }
}
