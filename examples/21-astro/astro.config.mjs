import node from "@astrojs/node"
import { defineConfig } from "astro/config"

// oxlint-disable-next-line no-default-export -- what Astro reads
export default defineConfig({ output: "server", adapter: node({ mode: "standalone" }) })
