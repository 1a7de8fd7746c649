// npm run release-check -- v0.1.0: prints why this commit must not be published with that tag; nothing if it can be.
import { readFileSync } from "node:fs"
import { releaseComplaints, type Manifest } from "./release/complaints.ts"

const manifests = ["onward", "hub"].map(
  (folder) => JSON.parse(readFileSync(`packages/${folder}/package.json`, "utf8")) as Manifest,
)
const complaints = releaseComplaints({
  tag: process.argv[2] ?? `v${manifests[0]?.version}`,
  manifests,
  changelog: readFileSync("CHANGELOG.md", "utf8"),
  slug: process.env["GITHUB_REPOSITORY"],
})
for (const complaint of complaints) console.error(complaint)
process.exitCode = complaints.length > 0 ? 1 : 0
