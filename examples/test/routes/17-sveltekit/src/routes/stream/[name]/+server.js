import { sse } from "onward/web"
import { make, options } from "../../../../cases"

export const fallback = ({ request, params }) => sse(request, make(params.name, request), options)
