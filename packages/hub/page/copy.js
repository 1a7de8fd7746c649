import { byId } from "./elements.js"

const SHOWN_MS = 2_000

/** Makes each button with `data-copy` copy the text of the element with that id. */
export function setUpCopy() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent
    button.addEventListener("click", async () => {
      const text = byId(button.dataset.copy)
      try {
        await navigator.clipboard.writeText(text.textContent)
        button.textContent = "Copied"
      } catch {
        // without HTTPS, loopback or permission there is no clipboard: selects the text for the keyboard
        getSelection().selectAllChildren(text)
        button.textContent = "Selected"
      }
      setTimeout(() => (button.textContent = label), SHOWN_MS)
    })
  }
}
