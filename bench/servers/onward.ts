import { createHub } from "onward"
import { onwardApp } from "./onward-app.ts"
import { serve } from "./serve.ts"

/** What every user gets: the memory log, the window, ids, resume and heartbeats. */
serve(onwardApp(createHub()))
