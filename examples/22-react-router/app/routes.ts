import { route, type RouteConfig } from "@react-router/dev/routes"

// oxlint-disable-next-line no-default-export -- what React Router reads
export default [route("events", "routes/events.ts")] satisfies RouteConfig
