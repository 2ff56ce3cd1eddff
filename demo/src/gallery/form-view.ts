import { element } from '../dom.js'

type TextField = HTMLInputElement | HTMLTextAreaElement
type Choice = HTMLInputElement | HTMLSelectElement
type States = readonly (readonly [client: number, state: Record<string, unknown>])[]

/** The fields of the form, and whose focus is where. */
export function formView(form: HTMLFormElement) {
  const name = element('input', { name: 'title', maxlength: '200' })
  const notes = element('textarea', { name: 'notes', rows: '4', maxlength: '5000' })
  const options = ['Excursion', 'Talk', 'Meal'].map((label) => element('option', {}, label))
  const kind = element('select', { name: 'kind' }, ...options)
  const date = element('input', { name: 'date', type: 'date' })
  const isPublic = element('input', { name: 'public', type: 'checkbox' })
  const rows = new Map<string, HTMLElement>()
  const row = (label: string, field: TextField | Choice) => {
    const made = element('label', { class: 'field' }, element('span', {}, label), field)
    rows.set(field.name, made)
    return made
  }
  form.append(
    row('Name of the event', name),
    element('div', { class: 'fields' }, row('Kind', kind), row('Date', date)),
    row('Notes', notes),
    row('Open to everybody', isPublic),
  )
  form.addEventListener('submit', (event) => event.preventDefault())
  return {
    texts: [name, notes] as readonly TextField[],
    choices: [kind, date, isPublic] as readonly Choice[],
    /** Shows what somebody has chosen. */
    choose(field: Choice, value: string | boolean | undefined) {
      if (field instanceof HTMLInputElement && field.type === 'checkbox') field.checked = value === true
      else if (field.value !== value)
        field.value = typeof value === 'string' ? value : field === kind ? 'Excursion' : ''
    },
    /** Marks the fields that others are at, with their names. */
    showPeople(states: States) {
      for (const made of rows.values()) {
        delete made.dataset.person
        made.style.removeProperty('--person')
      }
      for (const [, { field, user }] of states) {
        const made = rows.get(String(field))
        const { name, color } = (user ?? {}) as Record<string, unknown>
        if (made === undefined || !/^#[0-9a-f]{6}$/.test(String(color))) continue
        made.dataset.person = String(name).slice(0, 40)
        made.style.setProperty('--person', String(color))
      }
    },
  }
}
