import { post } from "./ask.js"
import { byId, create, report } from "./elements.js"

const MAX_NOTES = 50
const list = byId("notes")
const form = byId("publish")

/** Adds an event to the top of the list. */
export function addNote({ event, data, id }) {
  list.querySelector(".empty")?.remove()
  const item = document.createElement("li")
  item.append(create("span", `badge ${event}`, event), create("span", "text", data), create("span", "id", id))
  list.prepend(item)
  if (list.children.length > MAX_NOTES) list.lastElementChild.remove()
}

form.addEventListener("submit", async (event) => {
  event.preventDefault()
  try {
    const { id } = await post("/publish", new URLSearchParams(new FormData(form)))
    report("publish-result", `Stored on disk with the id ${id}.`)
    form.elements.data.value = ""
  } catch (error) {
    report("publish-result", error.message, true)
  }
})
