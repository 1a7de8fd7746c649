import { reactRouter } from "@react-router/dev/vite"

// oxlint-disable-next-line no-default-export -- what Vite reads
export default { plugins: [reactRouter()] }
