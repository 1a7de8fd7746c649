import { sse } from "onward/web"
import { make, options } from "../../../cases"

export async function GET(request, { params }) {
  return sse(request, make((await params).name, request), options)
}
export { GET as HEAD, GET as OPTIONS, GET as POST }
