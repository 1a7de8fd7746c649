import { control } from "../../cases"

export { control as GET, control as POST }
