import { readFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "vitepress"
import { anchorOf } from "../../scripts/docs/anchor.ts"
import { NAVIGATION } from "../../scripts/docs/navigation.ts"
import { pageFiles, readPage, repositoryRoot, routeOf } from "../../scripts/docs/pages.ts"
import { siteLinks } from "./links.ts"

const pages = pageFiles()
const manifest = JSON.parse(readFileSync(join(repositoryRoot, "packages/onward/package.json"), "utf8"))
const repository = manifest.repository?.url?.replace(/^git\+|\.git$/g, "")

export default defineConfig({
  title: "Onward",
  description: readPage("README.md").summary,
  lang: "en",
  // an empty picture, so that browsers do not ask for /favicon.ico
  head: [["link", { rel: "icon", href: "data:," }]],
  // GitHub Pages serves a project below its name
  base: process.env.DOCS_BASE ?? "/",
  srcDir: "..",
  srcExclude: ["{.*,site,packages,examples,bench,scripts,data,node_modules}/**", "CODE_OF_CONDUCT.md"],
  outDir: "dist",
  cacheDir: "../.cache/site",
  cleanUrls: true,
  vite: {
    // the pages lie outside of this package, where nothing finds its Vue
    resolve: { alias: [{ find: /^vue(?=\/|$)/, replacement: join(repositoryRoot, "site/node_modules/vue") }] },
  },
  // a link to a page that does not exist fails the build
  ignoreDeadLinks: false,
  rewrites: Object.fromEntries(pages.map((file) => [file, `${routeOf(file)}.md`])),
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark" },
    anchor: { slugify: anchorOf },
    // the highlighter does not know it
    languageAlias: { caddyfile: "nginx" },
    config: (md) => siteLinks(md, repository && `${repository}/blob/main`),
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Reference", link: "/reference" },
      { text: "Errors", link: "/errors" },
      { text: "Changelog", link: "/changelog" },
    ],
    sidebar: NAVIGATION.map(({ title, pages }) => ({
      text: title,
      items: pages.map((file) => ({
        text: file === "README.md" ? "Get started" : readPage(file).title,
        link: `/${routeOf(file).replace(/^index$/, "")}`,
      })),
    })),
    ...(repository && { socialLinks: [{ icon: "github", link: repository }] }),
  },
})
