import { control } from "../../../cases"

export const fallback = ({ request }) => control(request)
