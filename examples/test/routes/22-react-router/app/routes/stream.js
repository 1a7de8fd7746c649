import { sse } from "onward/web"
import { make, options } from "../../cases"

export const loader = ({ request, params }) => sse(request, make(params.name, request), options)
export const action = loader
