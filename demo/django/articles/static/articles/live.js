// What changes on an article's page while one looks at it: Server-Sent Events of the relay, and no library.

const { relay, document: live, text } = JSON.parse(document.getElementById('live').textContent)

/** Calls back with each value of a document that this site writes. */
function follow(name, changed) {
  let value = {}
  const show = (news) => {
    value = news
    changed(value)
  }
  listen(name, 'patch', {
    value: (data) => show(data.value ?? {}),
    patch: (data) => show(patched(value, data.patch)),
  })
}

/** Hears events of a document: the browser reconnects by itself, but not where it was refused, as before there is one. */
function listen(name, mode, listeners) {
  const url = `${relay}/api/v1/documents/${encodeURIComponent(name)}/events?mode=${mode}`
  // with the cookie by which this site knows its visitors: the relay asks this site about it
  const source = new EventSource(url, { withCredentials: true })
  for (const [event, heard] of Object.entries(listeners)) {
    source.addEventListener(event, ({ data }) => heard(JSON.parse(data)))
  }
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5_000, name, mode, listeners)
  })
}

/** JSON Patch, as far as the relay sends it: add, remove, replace. */
function patched(value, operations) {
  for (const { op, path, value: news } of operations) {
    if (path === '') {
      value = news
      continue
    }
    const tokens = path
      .slice(1)
      .split('/')
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    const key = tokens.pop()
    const parent = tokens.reduce((at, token) => at[token], value)
    if (op === 'remove') Array.isArray(parent) ? parent.splice(key, 1) : delete parent[key]
    else if (op === 'add' && Array.isArray(parent)) parent.splice(key === '-' ? parent.length : key, 0, news)
    else parent[key] = news
  }
  return value
}

const commentOf = ({ author, text, at }) => {
  const [item, name, time] = ['li', 'b', 'time'].map((tag) => document.createElement(tag))
  name.textContent = author
  time.dateTime = at
  time.textContent = at.slice(11, 16) // in UTC, as the site's own pages say it
  item.append(name, ` ${text} `, time)
  return item
}

follow(live, ({ price, comments }) => {
  if (price) document.getElementById('price').textContent = price
  if (comments) document.getElementById('comments').replaceChildren(...comments.map(commentOf))
})

// the text: somebody edits it, and this site's own page is asked for it again, once a second at most
const article = document.getElementById('text')
let isStale = false
let isReading = false

async function readText() {
  isStale = true
  if (isReading) return
  isReading = true
  while (isStale) {
    isStale = false
    const response = await fetch(article.dataset.url).catch(() => null)
    if (response?.ok) article.innerHTML = await response.text()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  isReading = false
}

listen(text, 'position', { changed: readText })
