/** What a link to a heading has after its `#`, by GitHub's rules, so that one link works on GitHub and on the docs site. */
export const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[^\p{L}\p{M}\p{N}\- _]/gu, "")
    .replaceAll(" ", "-")
