import { documentPage } from './document-page.js'
import { element } from './dom.js'
import { lostPage } from './lost-page.js'
import { type GalleryRoute, type Route, startRouter } from './router.js'
import { startPage } from './start-page.js'

const app = document.getElementById('app') as HTMLElement

startRouter((route, leave) => {
  const isFirst = app.childElementCount === 0
  app.replaceChildren(pageOf(route, leave))
  scrollTo(0, 0)
  // what had the focus is gone: the keyboard goes on from the top of the page
  if (!isFirst) app.focus({ preventScroll: true })
})

// opens these pages with no network at all, after the first visit
if (import.meta.env.PROD) {
  navigator.serviceWorker?.register('/service-worker.js').catch(() => undefined)
  navigator.serviceWorker?.ready.then(
    ({ active }) => navigator.serviceWorker.controller ?? active?.postMessage('claim'),
  )
}

function pageOf(route: Route, leave: AbortSignal): HTMLElement {
  switch (route.at) {
    case 'start':
      return startPage(leave)
    case 'document':
      try {
        return documentPage(route.kind, route.name, leave)
      } catch (error) {
        return lostPage(error instanceof Error ? error.message : String(error))
      }
    case 'gallery':
    case 'example':
      return gallery(route, leave)
    case 'nowhere':
      return lostPage(`There is no page at ${route.path}.`)
  }
}

/** A page of the gallery, which is fetched when somebody goes there. */
function gallery(route: GalleryRoute, leave: AbortSignal): HTMLElement {
  const place = element('div', { class: 'page', 'aria-busy': 'true' })
  import('./gallery/index.js').then(
    ({ galleryPageOf }) => leave.aborted || place.replaceWith(galleryPageOf(route, leave)),
    () => leave.aborted || place.replaceWith(lostPage('The gallery could not be fetched. Reload the page.')),
  )
  return place
}
