import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { joinNative } from '../support/clients.js'
import { startRelay } from '../support/relay.js'
import { until } from '../support/until.js'

const instrumentation = fileURLToPath(new URL('instrumentation.mjs', import.meta.url))

test('with an SDK that is loaded before it, the relay leaves spans where it is asked to, and none where not', async () => {
  const traced = async (args: readonly string[]) => {
    const relay = await startRelay({ args, env: { NODE_OPTIONS: `--import ${instrumentation}` } })
    onTestFinished(() => relay.stop())
    const ada = joinNative(relay, 'a-private-name')
    await ada.synced
    ada.text.insert(0, 'hello')
    await ada.handle.saved()
    return relay
  }
  const relay = await traced(['--traces'])
  await until(
    'both spans',
    () => /"syncline.read"/.test(relay.complaints) && /"syncline.commit"/.test(relay.complaints),
  )
  expect(
    relay.complaints
      .split('\n')
      .filter((line) => /"span"/.test(line))
      .join(),
  ).not.toContain('private')
  const silent = await traced([])
  await silent.stop()
  expect(silent.complaints).not.toContain('"span"')
})
