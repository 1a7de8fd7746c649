import { control } from "../../cases"

export const loader = ({ request }) => control(request)
export const action = loader
