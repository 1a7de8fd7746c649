import { Outlet, Scripts } from "react-router"

// oxlint-disable-next-line no-default-export -- what React Router reads
export default function App() {
  return (
    <html lang="en">
      <body>
        <Outlet />
        <Scripts />
      </body>
    </html>
  )
}
