import { printable } from '../terminal.js'

const gray = 90
const colours: Readonly<Record<string, number>> = { debug: gray, info: 36, warn: 33, error: 31 }

/**
 * A line of the log for people: when, how grave, what, and its fields. A stack stands below it.
 *
 * @param json a line as the logger writes it
 */
export function logText(json: string, hasColours: boolean): string {
  const { level, time, msg, stack, ...fields } = JSON.parse(json) as Record<string, unknown>
  const painted = (text: string, colour: number) => (hasColours ? `\u001b[${colour}m${text}\u001b[0m` : text)
  const parts = [
    painted(String(time).slice(11, 23), gray),
    painted(String(level).padEnd(5), colours[String(level)] ?? gray),
    printable(String(msg)),
    painted(Object.entries(fields).map(fieldText).join(' '), gray),
  ]
  const below =
    typeof stack === 'string'
      ? `${stack
          .split('\n')
          .map((line) => `    ${printable(line)}`)
          .join('\n')}\n`
      : ''
  return `${parts.join('  ').trimEnd()}\n${below}`
}

function fieldText([key, value]: [string, unknown]): string {
  const isPlain = typeof value !== 'string' || /^[^\s"=]+$/.test(value)
  return `${key}=${printable(isPlain ? String(value) : JSON.stringify(value))}`
}
