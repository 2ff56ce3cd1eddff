/** What kind of document a page edits. */
export type Kind = 'text' | 'code'

/** A page of the gallery: its list, or an example in one or two panes. */
export type GalleryRoute =
  | { readonly at: 'gallery' }
  | { readonly at: 'example'; readonly id: string; readonly panes: 1 | 2 }

/** Where the person is. `name` is the document's name for the relay: the path of its page without the first slash. */
export type Route =
  | { readonly at: 'start' }
  | { readonly at: 'document'; readonly kind: Kind; readonly name: string }
  | GalleryRoute
  | { readonly at: 'nowhere'; readonly path: string }

/** Reads a path. Whether a document's name is a valid one, the client decides when it opens it. */
export function routeOf(path: string): Route {
  if (path === '/') return { at: 'start' }
  if (path === '/gallery') return { at: 'gallery' }
  const [, id, twice] = /^\/gallery\/([a-z]+)(\/side-by-side)?$/.exec(path) ?? []
  if (id !== undefined) return { at: 'example', id, panes: twice === undefined ? 1 : 2 }
  const [, kind, rest] = /^\/(text|code)\/(.+)$/.exec(path) ?? []
  const name = rest === undefined ? null : decoded(rest)
  if (name === null) return { at: 'nowhere', path }
  return { at: 'document', kind: kind as Kind, name: `${kind}/${name}` }
}

/** The path of a document's page. */
export function pathOf(name: string): string {
  return `/${name.split('/').map(encodeURIComponent).join('/')}`
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

/** Goes to another page of the application, as a click on a link to it does. */
export function navigate(path: string): void {
  history.pushState(null, '', path)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** Shows the page anew, as it is now. */
export function renew(): void {
  dispatchEvent(new PopStateEvent('popstate'))
}

/** Calls `show` with the route now and after each navigation; `leave` aborts when that page is left. */
export function startRouter(show: (route: Route, leave: AbortSignal) => void): void {
  let page = new AbortController()
  const turn = () => {
    page.abort()
    page = new AbortController()
    show(routeOf(location.pathname), page.signal)
  }
  addEventListener('popstate', turn)
  document.addEventListener('click', followLink)
  turn()
}

function followLink(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a[data-page]') : null
  const wantsNewTab = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
  if (!(link instanceof HTMLAnchorElement) || wantsNewTab) return
  event.preventDefault()
  navigate(link.pathname)
}
