/** The fields of a package.json that a release depends on. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly repository?: { readonly url?: string; readonly directory?: string }
  readonly dependencies?: Readonly<Record<string, string>>
}

export interface Release {
  /** The git tag, such as `v0.1.0`. */
  readonly tag: string
  readonly manifests: readonly Manifest[]
  readonly changelog: string
  /** Owner and name of the repository that releases, where it is known: `GITHUB_REPOSITORY`. */
  readonly slug?: string | undefined
}

/** Why a release must not be published; empty when it can be. */
export function releaseComplaints({ tag, manifests, changelog, slug }: Release): string[] {
  const versions = new Map(manifests.map(({ name, version }) => [name, version]))
  const complaints = manifests.flatMap(({ name, version, repository, dependencies = {} }) => {
    const url = repository?.url
    return [
      ...(url === undefined
        ? [
            `${name} has no "repository" in package.json, and npm needs it for provenance. Add { "type": "git", "url": "git+https://…" }.`,
          ]
        : slug !== undefined && !url.replace(/\.git$/, "").endsWith(`/${slug}`)
          ? [`${name} names ${url} as its repository, but ${slug} releases it. Make them equal.`]
          : []),
      ...(tag === `v${version}`
        ? []
        : [`${name} has version ${version}, but the tag is ${tag}. Set the version, then tag.`]),
      ...Object.entries(dependencies)
        .filter(([other, range]) => versions.has(other) && range !== versions.get(other))
        .map(([other, range]) => `${name} depends on ${other} ${range}, but this release has ${versions.get(other)}.`),
    ]
  })
  const heading = `## [${tag.slice(1)}]`
  if (!changelog.includes(heading))
    complaints.push(`CHANGELOG.md has no heading ${heading}. Move the entries under it.`)
  return complaints
}
