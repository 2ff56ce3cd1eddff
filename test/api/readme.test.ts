import { spawnSync } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { startRelay } from '../support/relay.js'
import { readText } from '../support/tree.js'

const [, examples = ''] = /^```sh\n(api=[\s\S]*?)^```/m.exec(readText('packages/server/README.md')) ?? []

/** Each command of the examples, and what the page says it prints: lines that begin with `#>`. */
function steps(): { readonly command: string; readonly output: string }[] {
  const found: { command: string; output: string }[] = []
  let command: string[] = []
  for (const line of examples.split('\n')) {
    if (!line.startsWith('#>')) {
      command.push(line)
      continue
    }
    found.push({ command: command.join('\n'), output: line.slice(3) })
    command = []
  }
  return found
}

function patternOf(output: string): RegExp {
  const parts = output.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.+')}$`)
}

test('the examples with curl print what the page says', async () => {
  const relay = await startRelay()
  onTestFinished(() => relay.stop())
  expect(steps().length).toBeGreaterThan(10)
  // one shell: variables go from one command to the next
  const script = steps().map(({ command }) => `${command}\necho; echo '-- end of a step'`)
  const shell = spawnSync('bash', ['-c', script.join('\n').replace('http://127.0.0.1:4321', relay.url)], {
    encoding: 'utf8',
    timeout: 25_000,
  })
  expect(shell.stderr).toBe('')
  const outputs = shell.stdout.split('-- end of a step\n').map((output) => output.trim())
  for (const [index, { command, output }] of steps().entries()) {
    expect(outputs[index], command).toMatch(patternOf(output))
  }
})
