import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesMatching, readText, root } from '../support/tree.js'

const pages = filesMatching(/\.md$/)

/** Text outside of code, where links are links. */
function prose(path: string): string {
  return readText(path)
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '')
}

/** The anchors that a page's headings give, as code hosts make them. */
function anchorsOf(path: string): Set<string> {
  const text = readText(path).replace(/^```[\s\S]*?^```/gm, '')
  const headings = [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => heading!)
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )
}

/** What is wrong with a link from a page, or null. */
function fault(page: string, target: string): string | null {
  if (/^[a-z]+:/.test(target)) return null
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(root, file))) return `${page} → ${target}: no such file`
  if (anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor))
    return `${page} → ${target}: no such heading`
  return null
}

describe('the pages', () => {
  test('link to what exists', () => {
    const faults = pages.flatMap((page) =>
      [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => fault(page, target!)),
    )
    expect(faults.filter((found) => found !== null)).toEqual([])
  })

  test.each(['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'packages/protocol/PROTOCOL.md'])('include %s', (page) => {
    expect(pages).toContain(page)
  })
})
