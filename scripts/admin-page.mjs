// Makes the operator's page, which the relay serves at /admin: one script, one style sheet, one page.
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const source = join(import.meta.dirname, '../packages/server/admin')
const target = join(source, 'dist')

await build({
  entryPoints: [join(source, 'src/main.ts')],
  outfile: join(target, 'page.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  logLevel: 'warning',
})
for (const file of ['index.html', 'style.css']) await cp(join(source, file), join(target, file))
