export { readDoctor } from "./command-line.ts"
export { doctor, type DoctorOptions } from "./doctor.ts"
