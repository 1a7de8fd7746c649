export {
  createAttendance,
  type Attendance,
  type AttendanceMember,
  type AttendanceOptions,
  type Joined,
  type JoinOptions,
} from "./attendance.ts"
