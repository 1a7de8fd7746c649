import adapter from "@sveltejs/adapter-node"
import { sveltekit } from "@sveltejs/kit/vite"

// oxlint-disable-next-line no-default-export -- what Vite reads
export default { plugins: [sveltekit({ adapter: adapter() })] }
