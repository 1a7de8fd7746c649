// Loaded into a server before its own code: tells over IPC how much time its longest turn of the event loop took since it was last asked.
// It is the time that the main thread worked: a busy machine makes turns longer, and is not what is measured.

let longest = 0
let before = work()

/** What the main thread has worked, in ms. */
function work(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

function turn(): void {
  const now = work()
  longest = Math.max(longest, now - before)
  before = now
  setImmediate(turn)
}
setImmediate(turn)

process.on("message", () => {
  process.send?.({ longest })
  longest = 0
})
