import { sse } from "onward/web"
import { make, options } from "../../../cases"

export const prerender = false
export const ALL = ({ request, params }) => sse(request, make(params.name, request), options)
