import { control } from "../../cases"

export const prerender = false
export const ALL = ({ request }) => control(request)
