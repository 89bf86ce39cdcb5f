import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { speaking } from '../../src/system/language.ts'
import { startThread } from '../../src/system/thread.ts'
import { tempFolder } from '../temp-folder.ts'

const SCRIPT = `
import { spokenLanguage } from './language.ts'
import { serveThread } from './thread.ts'
serveThread({ answer: () => spokenLanguage() })
`

it('a thread speaks the language of whoever asks it', async () => {
  const outfile = join(tempFolder(), 'thread.mjs')
  const resolveDir = join(import.meta.dirname, '../../src/system')
  await build({
    stdin: { contents: SCRIPT, resolveDir, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
  })
  const thread = startThread<null, string>(pathToFileURL(outfile), undefined)
  const asked = (['zh-CN', 'en'] as const).map((language) => speaking(language, () => thread.ask(null)))
  expect(await Promise.all([...asked, thread.ask(null)])).toEqual(['zh-CN', 'en', 'en'])
  await thread.close()
})
