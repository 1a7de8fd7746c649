/** The compilers of users: the oldest TypeScript that is supported, and the last release of each line since. */
export const TYPESCRIPTS: Readonly<Record<string, string>> = {
  "5.6": "5.6.3",
  "5.7": "5.7.3",
  "5.8": "5.8.3",
  "5.9": "5.9.3",
  "6.0": "6.0.3",
  "7.0": "7.0.2",
}

/** What the packed library is installed beside. They are fetched into .cache when needed and are in no lock file. */
export const TOOLS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(TYPESCRIPTS).map(([line, version]) => [`typescript-${line}`, `npm:typescript@${version}`]),
  ),
  // of the oldest Node that is supported
  "@types/node": "22.20.7",
  "@types/react": "19.3.0",
  react: "19.3.1",
  vite: "8.4.0",
  webpack: "5.113.0",
  parcel: "2.16.4",
}
