import { documentPage } from './document-page.js'
import { lostPage } from './lost-page.js'
import { type Route, startRouter } from './router.js'
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
if (import.meta.env.PROD) navigator.serviceWorker?.register('/service-worker.js').catch(() => undefined)

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
    case 'nowhere':
      return lostPage(`There is no page at ${route.path}.`)
  }
}
