/** Returns the page's element with this id. */
export const byId = (id) => document.getElementById(id)

/** Shows a value as text, never as markup. */
export function show(id, text) {
  byId(id).textContent = text
}

/** Shows the result of an action, and marks it if it is an error. */
export function report(id, text, isBad = false) {
  const element = byId(id)
  element.textContent = text
  element.classList.toggle("bad", isBad)
}

/** Creates an element with text. */
export function create(name, className, text = "") {
  const element = document.createElement(name)
  element.className = className
  element.textContent = text
  return element
}

/** Keeps a list scrolled to its end, unless the user scrolled up. Returns a function to call after adding to the list. */
export function followEnd(element) {
  let isFollowing = true
  let top = 0
  element.addEventListener("scroll", () => {
    const { scrollTop, clientHeight, scrollHeight } = element
    const isAtEnd = scrollTop + clientHeight > scrollHeight - 24
    // the user scrolled up; a smaller window also moves the list away from its end
    if (isAtEnd || scrollTop < top) isFollowing = isAtEnd
    top = scrollTop
  })
  return () => {
    if (isFollowing) element.scrollTop = element.scrollHeight
  }
}

const numbers = new Intl.NumberFormat("en")

export const format = (number) => numbers.format(number)
