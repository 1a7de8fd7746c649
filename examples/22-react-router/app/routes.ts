import { route, type RouteConfig } from "@react-router/dev/routes"

// oxlint-disable-next-line no-default-export -- React Router reads it
export default [route("events", "routes/events.ts")] satisfies RouteConfig
