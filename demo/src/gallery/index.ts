import './gallery.css'
import type { GalleryRoute } from '../router.js'
import { examplePage } from './example-page.js'
import { galleryPage } from './gallery-page.js'

export { sideBySide } from './example-page.js'

/** The page at a route of the gallery. */
export function galleryPageOf(route: GalleryRoute, leave: AbortSignal): HTMLElement {
  return route.at === 'gallery' ? galleryPage() : examplePage(route.id, route.panes, leave)
}
