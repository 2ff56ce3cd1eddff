import { ask, Refusal, token } from './api.js'
import { h } from './dom.js'

/** Asks for an operator's token. */
export function signIn(reason: string, signedIn: () => void): HTMLElement {
  const message = h('p', { class: 'alert', role: 'alert', hidden: reason === '' }, reason)
  const input = h('textarea', { id: 'token', rows: '4', spellcheck: 'false', autocomplete: 'off', required: true })
  const submit = async () => {
    token.set(input.value.trim())
    try {
      await ask('/relay')
      signedIn()
    } catch (error) {
      token.forget()
      message.textContent = error instanceof Refusal ? error.message : 'The relay does not answer'
      message.hidden = false
      input.focus()
    }
  }
  const form = h(
    'form',
    {
      class: 'card sign-in',
      submit: (event) => {
        event.preventDefault()
        void submit()
      },
    },
    h('h1', {}, 'Syncline'),
    h('p', { class: 'muted' }, 'This page is for operators of the relay.'),
    h('label', { for: 'token' }, 'Token'),
    input,
    message,
    h('button', { class: 'main', type: 'submit' }, 'Sign in'),
    h(
      'p',
      { class: 'muted small' },
      'A token with the claim admin: true, such as of ',
      h('code', {}, 'syncline token --admin --subject you'),
      '. It stays in this tab.',
    ),
  )
  return h('main', { class: 'center' }, form)
}
