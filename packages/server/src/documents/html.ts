import type { ProseMirrorMark, ProseMirrorNode } from './prosemirror.js'

type Attributes = Readonly<Record<string, unknown>>

/**
 * A ProseMirror document as HTML: the nodes and marks of Tiptap's and ProseMirror's usual schemas, and any other one as a
 * `div` or `span` with its name in `data-type`. What people wrote is escaped; a link or an image that could run a script
 * loses its address.
 */
export function htmlOf(node: ProseMirrorNode): string {
  if (node.type === 'doc') return childrenOf(node)
  if (node.type === 'text') return markedOf(node)
  const render = nodes.get(node.type)
  if (render) return render(node.attrs ?? {}, childrenOf(node))
  return `<div data-type="${escapeHtml(node.type)}">${childrenOf(node)}</div>`
}

function childrenOf({ content = [] }: ProseMirrorNode): string {
  return content.map(htmlOf).join('')
}

function markedOf({ text = '', marks = [] }: ProseMirrorNode): string {
  return marks.reduce((inner, mark) => wrapped(mark, inner), escapeHtml(text))
}

function wrapped({ type, attrs = {} }: ProseMirrorMark, inner: string): string {
  const tag = markTags.get(type)
  if (tag !== undefined) return `<${tag}>${inner}</${tag}>`
  if (type !== 'link') return `<span data-type="${escapeHtml(type)}">${inner}</span>`
  const title = typeof attrs.title === 'string' ? ` title="${escapeHtml(attrs.title)}"` : ''
  const href = safeUrl(attrs.href, linkSchemes)
  return `<a${href === null ? '' : ` href="${escapeHtml(href)}"`}${title} rel="noopener noreferrer nofollow">${inner}</a>`
}

const markTags: ReadonlyMap<string, string> = new Map([
  ['bold', 'strong'],
  ['strong', 'strong'],
  ['italic', 'em'],
  ['em', 'em'],
  ['strike', 's'],
  ['strikethrough', 's'],
  ['underline', 'u'],
  ['code', 'code'],
  ['highlight', 'mark'],
  ['subscript', 'sub'],
  ['superscript', 'sup'],
])

const block = (tag: string) => (_attrs: Attributes, inner: string) => `<${tag}>${inner}</${tag}>`
const empty = (tag: string) => () => `<${tag}>`

const nodes: ReadonlyMap<string, (attrs: Attributes, inner: string) => string> = new Map([
  ['paragraph', block('p')],
  ['heading', ({ level }, inner) => `<h${headingOf(level)}>${inner}</h${headingOf(level)}>`],
  ['blockquote', block('blockquote')],
  ['bulletList', block('ul')],
  ['bullet_list', block('ul')],
  ['orderedList', orderedList],
  ['ordered_list', orderedList],
  ['listItem', block('li')],
  ['list_item', block('li')],
  ['taskList', (_attrs, inner) => `<ul data-type="taskList">${inner}</ul>`],
  ['taskItem', taskItem],
  ['codeBlock', codeBlock],
  ['code_block', codeBlock],
  ['hardBreak', empty('br')],
  ['hard_break', empty('br')],
  ['horizontalRule', empty('hr')],
  ['horizontal_rule', empty('hr')],
  ['image', image],
  ['table', (_attrs, inner) => `<table><tbody>${inner}</tbody></table>`],
  ['tableRow', block('tr')],
  ['table_row', block('tr')],
  ['tableCell', (attrs, inner) => `<td${spans(attrs)}>${inner}</td>`],
  ['table_cell', (attrs, inner) => `<td${spans(attrs)}>${inner}</td>`],
  ['tableHeader', (attrs, inner) => `<th${spans(attrs)}>${inner}</th>`],
  ['table_header', (attrs, inner) => `<th${spans(attrs)}>${inner}</th>`],
])

function headingOf(level: unknown): number {
  const number = Math.trunc(Number(level))
  return number >= 1 && number <= 6 ? number : 1
}

function orderedList({ start, order }: Attributes, inner: string): string {
  const first = Math.trunc(Number(start ?? order ?? 1))
  return `<ol${Number.isSafeInteger(first) && first !== 1 ? ` start="${first}"` : ''}>${inner}</ol>`
}

function taskItem({ checked }: Attributes, inner: string): string {
  const isDone = checked === true || checked === 'true'
  const box = `<input type="checkbox" disabled${isDone ? ' checked' : ''}>`
  return `<li data-type="taskItem" data-checked="${isDone}"><label>${box}</label><div>${inner}</div></li>`
}

function codeBlock({ language, params }: Attributes, inner: string): string {
  const name = language ?? params
  const kind = typeof name === 'string' && /^[\w+#.-]{1,40}$/.test(name) ? ` class="language-${escapeHtml(name)}"` : ''
  return `<pre><code${kind}>${inner}</code></pre>`
}

function image({ src, alt, title }: Attributes): string {
  const address = safeUrl(src, imageSchemes)
  if (address === null) return ''
  const texts = Object.entries({ alt: alt ?? '', title })
    .filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => ` ${name}="${escapeHtml(value as string)}"`)
  return `<img src="${escapeHtml(address)}"${texts.join('')}>`
}

function spans({ colspan, rowspan }: Attributes): string {
  return Object.entries({ colspan, rowspan })
    .map(([name, value]) => [name, Math.trunc(Number(value))] as const)
    .filter(([, count]) => count > 1 && count <= 1_000)
    .map(([name, count]) => ` ${name}="${count}"`)
    .join('')
}

const linkSchemes = /^(https?|mailto|tel):/i
const imageSchemes = /^(https?:|data:image\/(png|jpeg|gif|webp);base64,)/i

/** An address with one of these schemes, or within the site; null for any other. Browsers skip control characters. */
function safeUrl(url: unknown, schemes: RegExp): string | null {
  if (typeof url !== 'string') return null
  const bare = url.replace(/[\u0000-\u0020\u007f]/g, '')
  if (schemes.test(bare)) return bare
  return /^[^/?#]*:/.test(bare) ? null : bare
}

/** Text, for a place between tags or in an attribute with quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string)
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
