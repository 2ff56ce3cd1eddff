import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { htmlOf } from './html.js'
import { type ProseMirrorNode, proseMirrorOf } from './prosemirror.js'
import { textOfType } from './text.js'

/** A fragment as y-prosemirror makes one of these nodes. */
function fragmentOf(nodes: readonly ProseMirrorNode[]): Y.XmlFragment {
  const fragment = new Y.Doc().getXmlFragment('default')
  fragment.insert(0, nodes.map(nodeOf))
  return fragment
}

function nodeOf(node: ProseMirrorNode): Y.XmlElement | Y.XmlText {
  if (node.type === 'text') {
    const text = new Y.XmlText()
    const marks = (node.marks ?? []).map(({ type, attrs = {} }) => [type, attrs])
    text.insert(0, node.text!, Object.fromEntries(marks))
    return text
  }
  const element = new Y.XmlElement(node.type)
  for (const [name, value] of Object.entries(node.attrs ?? {})) element.setAttribute(name, value as string)
  element.insert(0, (node.content ?? []).map(nodeOf))
  return element
}

const text = (words: string, ...marks: ProseMirrorNode['marks'] & object): ProseMirrorNode =>
  marks.length > 0 ? { type: 'text', text: words, marks } : { type: 'text', text: words }
const paragraph = (...content: ProseMirrorNode[]): ProseMirrorNode => ({ type: 'paragraph', content })

const article: ProseMirrorNode[] = [
  { type: 'heading', attrs: { level: 2 }, content: [text('A <title>')] },
  paragraph(text('some '), text('bold', { type: 'bold' }), text(' words & a ')),
  { type: 'bulletList', content: [{ type: 'listItem', content: [paragraph(text('one'))] }] },
  { type: 'codeBlock', attrs: { language: 'js' }, content: [text('a < b')] },
  { type: 'horizontalRule' },
]

describe('rich text', () => {
  test('is the JSON of ProseMirror', () => {
    expect(proseMirrorOf(fragmentOf(article))).toEqual({ type: 'doc', content: article })
  })

  test('is HTML', () => {
    expect(htmlOf(proseMirrorOf(fragmentOf(article)))).toBe(
      '<h2>A &lt;title&gt;</h2><p>some <strong>bold</strong> words &amp; a </p><ul><li><p>one</p></li></ul>' +
        '<pre><code class="language-js">a &lt; b</code></pre><hr>',
    )
  })

  test('is plain text, a line for each block', () => {
    expect(textOfType(fragmentOf(article), 'xmlFragment')).toBe('A <title>\nsome bold words & a \none\na < b\n')
  })

  test.each([
    ['javascript:alert(1)', '<a rel="noopener noreferrer nofollow">x</a>'],
    [' java\nscript:alert(1)', '<a rel="noopener noreferrer nofollow">x</a>'],
    [
      'https://example.com/?a=1&b="2"',
      '<a href="https://example.com/?a=1&amp;b=&quot;2&quot;" rel="noopener noreferrer nofollow">x</a>',
    ],
    ['/about', '<a href="/about" rel="noopener noreferrer nofollow">x</a>'],
  ])('has no link that runs a script: %j', (href, html) => {
    const linked = paragraph(text('x', { type: 'link', attrs: { href } }))
    expect(htmlOf(linked)).toBe(`<p>${html}</p>`)
  })

  test('has no image that runs a script, and no tag from a name', () => {
    expect(htmlOf({ type: 'image', attrs: { src: 'data:image/svg+xml;base64,AAAA' } })).toBe('')
    expect(htmlOf({ type: 'image', attrs: { src: '/a.png"onerror="x', alt: '"' } })).toBe(
      '<img src="/a.png&quot;onerror=&quot;x" alt="&quot;">',
    )
    expect(htmlOf({ type: 'script><b', content: [text('x')] })).toBe('<div data-type="script&gt;&lt;b">x</div>')
    expect(htmlOf({ type: 'constructor', content: [text('x', { type: '__proto__' })] })).toContain(
      'data-type="constructor"',
    )
    expect(htmlOf({ type: 'heading', attrs: { level: '"><script>' } })).toBe('<h1></h1>')
  })
})
