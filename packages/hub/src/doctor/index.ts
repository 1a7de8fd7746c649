export { DOCTOR, readDoctor } from "./command-line.ts"
