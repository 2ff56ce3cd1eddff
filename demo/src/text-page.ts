import type { DocumentHandle } from '@syncline/client'
import type { Editor } from '@tiptap/core'
import { element } from './dom.js'
import type { Mounted } from './mounted.js'
import { textEditor } from './text-editor.js'
import { type Tool, toolbar } from './toolbar.js'

/** Shows rich text with its toolbar. */
export function mount(handle: DocumentHandle, parent: HTMLElement, leave: AbortSignal): Mounted {
  const sheet = element('div', { class: 'sheet prose' })
  const editor = textEditor(handle, sheet)
  const { bar, refresh } = toolbar('Formatting', tools(editor))
  const render = () => {
    refresh()
    sheet.classList.toggle('empty', editor.isEmpty)
  }
  editor.on('transaction', render)
  render()
  leave.addEventListener('abort', () => editor.destroy())
  // the paper around the text is part of what one clicks to write
  sheet.addEventListener('click', (event) => {
    if (event.target === sheet) editor.commands.focus('end')
  })
  parent.append(bar, sheet)
  return { focus: () => editor.commands.focus(), setEditable: (editable) => editor.setEditable(editable) }
}

function tools(editor: Editor): Tool[][] {
  const change = () => editor.chain().focus()
  const letters = (text: string, style: string) =>
    element('span', { class: `letters ${style}`, 'aria-hidden': 'true' }, text)
  const heading = (level: 1 | 2 | 3): Tool => ({
    label: `Heading ${level}`,
    face: letters(`H${level}`, 'heading'),
    run: () => change().toggleHeading({ level }).run(),
    pressed: () => editor.isActive('heading', { level }),
  })
  return [
    [
      { label: 'Undo', face: 'undo', run: () => change().undo().run(), enabled: () => editor.can().undo() },
      { label: 'Redo', face: 'redo', run: () => change().redo().run(), enabled: () => editor.can().redo() },
    ],
    [heading(1), heading(2), heading(3)],
    [
      mark('Bold', letters('B', 'bold'), 'bold', () => change().toggleBold().run()),
      mark('Italic', letters('I', 'italic'), 'italic', () => change().toggleItalic().run()),
      mark('Underline', letters('U', 'underline'), 'underline', () => change().toggleUnderline().run()),
      mark('Strikethrough', letters('S', 'strike'), 'strike', () => change().toggleStrike().run()),
      mark('Inline code', 'code', 'code', () => change().toggleCode().run()),
    ],
    [
      mark('Bullet list', 'bulletList', 'bulletList', () => change().toggleBulletList().run()),
      mark('Numbered list', 'orderedList', 'orderedList', () => change().toggleOrderedList().run()),
      mark('Quote', 'quote', 'blockquote', () => change().toggleBlockquote().run()),
      mark('Code block', 'codeBlock', 'codeBlock', () => change().toggleCodeBlock().run()),
    ],
  ]

  function mark(label: string, face: Tool['face'], name: string, run: () => void): Tool {
    return { label, face, run, pressed: () => editor.isActive(name) }
  }
}
