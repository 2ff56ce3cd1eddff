import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartOf } from './chart.js'
import { goalsOf } from './goals.js'
import type { Measure } from './measure.js'
import { type Results, readResults, writeResults } from './results.js'
import { benchDirectory, ours, oursForY } from './servers/kinds.js'
import { markdownOf, overviewOf } from './table.js'

const resultsDirectory = join(benchDirectory, 'results')
const resultsPath = join(resultsDirectory, 'results.json')
const pagePath = join(benchDirectory, 'README.md')
const projectPagePath = join(benchDirectory, '..', '..', 'README.md')

// charts that the project's page shows: what an operator asks first
const onProjectPage = ['flood-50', 'busy-document', 'memory', 'join-storm-20mb', 'client-editor']

/** Adds what was measured to what was measured before on the same machine, and writes charts and tables anew. */
export function publish(measured: Results, measures: readonly Measure[]): void {
  mkdirSync(resultsDirectory, { recursive: true })
  const before = readResults(resultsPath, measured.machine)
  const results = { ...measured, measures: { ...before, ...measured.measures } }
  writeResults(resultsPath, results)
  const isOurs = (name: string) => name === ours.name || name === oursForY.name
  for (const measure of measures) {
    const { rounds } = results.measures[measure.name] ?? {}
    if (rounds) writeFileSync(join(resultsDirectory, `${measure.name}.svg`), chartOf(measure, rounds, isOurs))
  }
  replaceBetween(pagePath, 'goals', goalsOf(results))
  replaceBetween(
    pagePath,
    'results',
    markdownOf(results, measures, ours.name, (measure) => `\n\n${imageOf(measure, '')}`),
  )
  const shown = measures.filter(({ name }) => onProjectPage.includes(name) && name in results.measures)
  const images = shown.map((measure) => imageOf(measure, 'test/bench/'))
  replaceBetween(projectPagePath, 'results', [overviewOf(results, measures), ...images].join('\n\n'))
}

/** A chart, for a page that stands so far above this folder. */
function imageOf({ name, title }: Measure, path: string): string {
  return `![${title}](${path}results/${name}.svg)`
}

/** Puts text between the comments of a page that name its place. */
function replaceBetween(path: string, place: string, text: string): void {
  const [begin, end] = [`<!-- ${place} -->`, `<!-- end of ${place} -->`]
  const page = readFileSync(path, 'utf8')
  const [head, rest] = page.split(begin)
  const tail = rest?.split(end)[1]
  if (tail === undefined) throw new Error(`${path} has no place for the ${place}`)
  writeFileSync(path, `${head}${begin}\n\n${text}\n\n${end}${tail}`)
}
