// Keeps the application's own files on this device, so that its pages open with no network at all. The documents are
// not its business: the client keeps those in IndexedDB.

/** Paths of the files that make up the application, put in by the build; their names change with their content. */
declare const applicationFiles: readonly string[]

/** Another one with each change of the application. */
declare const applicationVersion: string

const worker = self as unknown as ServiceWorkerGlobalScope
const prefix = 'syncline-demo-'
const cacheName = prefix + applicationVersion
const page = '/'
const icon = '/icon.svg'

worker.addEventListener('install', (event) => {
  event.waitUntil(keepAll())
})

worker.addEventListener('activate', (event) => {
  event.waitUntil(takeOver())
})

// a page that was on its way while this took over was no client yet, and asks for itself
worker.addEventListener('message', (event) => {
  event.waitUntil(worker.clients.claim())
})

worker.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin) return
  if (request.mode === 'navigate') event.respondWith(fresh(request, page))
  else if (pathname === icon) event.respondWith(fresh(request, icon))
  else if (pathname.startsWith('/assets/')) event.respondWith(keptFile(request))
})

async function keepAll(): Promise<void> {
  const cache = await caches.open(cacheName)
  await cache.addAll([page, icon, ...applicationFiles].map((path) => new Request(path, { cache: 'no-cache' })))
}

/** Called when no page of the version before is open any more. */
async function takeOver(): Promise<void> {
  const names = await caches.keys()
  const old = names.filter((name) => name.startsWith(prefix) && name !== cacheName)
  await Promise.all(old.map((name) => caches.delete(name)))
  await worker.clients.claim()
}

/** What the relay serves; where it cannot be reached, what it served last. */
async function fresh(request: Request, path: string): Promise<Response> {
  const fetched = await fetch(request).catch(() => null)
  if (fetched && fetched.status < 500) return fetched
  return (await caches.match(path, { cacheName })) ?? fetched ?? Response.error()
}

/** A file whose name has a hash of its content never changes; one that was not kept with the others is from now on. */
async function keptFile(request: Request): Promise<Response> {
  const kept = await caches.match(request.url)
  if (kept) return kept
  const fetched = await fetch(request)
  if (fetched.ok) await caches.open(cacheName).then((cache) => cache.put(request.url, fetched.clone()))
  return fetched
}
