/** One group of the docs site's side bar, and one section of llms.txt. */
export interface Group {
  readonly title: string
  /** Source files, relative to the repository's root. Each page of docs/ is in one group: a test checks it. */
  readonly pages: readonly string[]
}

/** The pages by what a reader comes for (diataxis.fr). README.md is the site's first page and the tutorial. */
export const NAVIGATION: readonly Group[] = [
  { title: "Tutorial", pages: ["README.md", "docs/resume-and-stop.md"] },
  {
    title: "How-to",
    pages: [
      "docs/adapters.md",
      "docs/client.md",
      "docs/react.md",
      "docs/frameworks-client.md",
      "docs/hub.md",
      "docs/hub-auth.md",
      "docs/hub-config.md",
      "docs/hub-operations.md",
      "docs/dashboard.md",
      "docs/webhooks.md",
      "docs/mercure.md",
      "docs/metrics.md",
      "docs/coming-from.md",
      "docs/runs.md",
      "docs/gateway.md",
      "docs/mcp.md",
      "docs/production.md",
      "docs/observe.md",
      "docs/troubleshooting.md",
      "docs/several-processes.md",
      "docs/private.md",
      "docs/redis.md",
      "docs/postgres.md",
      "docs/nats.md",
      "docs/openapi.md",
      "docs/testing.md",
      "docs/write-a-driver.md",
      "docs/recipes/htmx-and-datastar.md",
      "docs/recipes/moving.md",
      "docs/recipes/outbox.md",
      "docs/recipes/redis-keyspace.md",
      "docs/recipes/snapshot-then-changes.md",
      "docs/recipes/tail-a-table.md",
    ],
  },
  {
    title: "Reference",
    pages: [
      "docs/reference.md",
      "docs/command-line.md",
      "docs/errors.md",
      "docs/protocol.md",
      "docs/glossary.md",
      "CHANGELOG.md",
    ],
  },
  {
    title: "Explanation",
    pages: [
      "docs/limits.md",
      "docs/compare.md",
      "docs/logs.md",
      "docs/benchmarks.md",
      "docs/capacity.md",
      "docs/chaos.md",
      "docs/threats.md",
      "SECURITY.md",
      "ARCHITECTURE.md",
      "docs/dependencies.md",
      "CONTRIBUTING.md",
    ],
  },
]
