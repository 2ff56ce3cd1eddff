import type { Mount } from './example.js'

/** A page of the gallery. */
export interface Page {
  /** the last part of its address, and of its document's name */
  readonly id: string
  readonly title: string
  readonly about: string
  /** the class of the demo's own style for prose or code */
  readonly look: 'prose' | 'code' | ''
  readonly load: () => Promise<{ readonly mount: Mount }>
}

/** The pages in the order of the gallery, each group with a heading. */
export const groups: readonly { readonly title: string; readonly pages: readonly Page[] }[] = [
  {
    title: 'Editors',
    pages: [
      page('prosemirror', 'ProseMirror', 'Rich text, by y-prosemirror', () => import('./prosemirror.js'), 'prose'),
      page('tiptap', 'Tiptap 3', 'Rich text, by its collaboration extension', () => import('./tiptap.js'), 'prose'),
      page('quill', 'Quill 2', 'Rich text, by y-quill', () => import('./quill.js')),
      page('lexical', 'Lexical', 'Rich text, by @lexical/yjs', () => import('./lexical.js'), 'prose'),
      page(
        'blocknote',
        'BlockNote',
        'Blocks as in Notion, by its collaboration option',
        () => import('./blocknote.js'),
      ),
      page('codemirror', 'CodeMirror 6', 'Code, by y-codemirror.next', () => import('./codemirror.js'), 'code'),
      page('monaco', 'Monaco', 'The editor of VS Code, by y-monaco', () => import('./monaco.js')),
    ],
  },
  {
    title: 'Without an editor',
    pages: [
      page('cards', 'Cards', 'A board whose cards are moved, and never doubled', () => import('./cards.js')),
      page('form', 'Form', 'Two people may type in one field', () => import('./form.js')),
      page('drawing', 'Drawing', 'A paper with everybody’s pens', () => import('./drawing.js')),
    ],
  },
  {
    title: 'One list in any framework',
    pages: [
      page('javascript', 'JavaScript', 'No framework at all', () => import('./javascript.js')),
      page('react', 'React', 'The hooks of @syncline/react', () => import('./react.js')),
      page('vue', 'Vue 3', 'A single-file component', () => import('./vue.js')),
      page('svelte', 'Svelte 5', 'A component with runes', () => import('./svelte.js')),
    ],
  },
]

/** The page with this id. */
export function pageWith(id: string): Page | undefined {
  return groups.flatMap(({ pages }) => pages).find((candidate) => candidate.id === id)
}

/** The document of a page. The pages of the list have one in common. */
export function documentOf({ id }: Page): string {
  return ['javascript', 'react', 'vue', 'svelte'].includes(id) ? 'gallery/list' : `gallery/${id}`
}

function page(id: string, title: string, about: string, load: Page['load'], look: Page['look'] = ''): Page {
  return { id, title, about, load, look }
}
