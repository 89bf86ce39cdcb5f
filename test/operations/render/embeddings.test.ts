/** Which files of a folder are embeddings of a prompt: pictures among them, under the names they carry. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { modelFolders } from '../../../src/commands/shared/model-folders.ts'
import { checkEmbeddingFolders, findPromptEmbeddings } from '../../../src/operations/render/embeddings.ts'
import type { TextTower } from '../../../src/runtime/engine/engine.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'
import { tempFolder } from '../../temp-folder.ts'

const FIXTURES = join(import.meta.dirname, '../../../fixtures')
/** As fixtures/goldens/embedding_cards.py wrote them; its cards are called sd-card. */
const VECTORS = [0.25, -1.5, 0.0078125, 3, -0.125, 0.1, 1e-5, -2.25].map(Math.fround)
const TOWER: TextTower = {
  id: 'clip_l',
  title: 'CLIP of four numbers',
  component: 0,
  width: 4,
  layers: 1,
  padding: 49407,
  skip: 1,
  finalNorm: true,
  pools: false,
}

async function found(prompt: string, folder: string) {
  const notes: string[] = []
  const world = { ...QUIET_WORLD, stderr: { write: (line: string) => notes.push(line) } }
  const folders = modelFolders({}, world)
  const embeddings = await findPromptEmbeddings({
    prompts: [prompt],
    towers: [TOWER],
    named: [folder],
    folders,
    world,
  })
  return { embeddings: embeddings.map(({ name, rows }) => [name, [...rows.get('clip_l')!]]), notes }
}

it.each([
  ['card-text.png', 'card.png'],
  ['card-pixels.png', 'hidden.png'],
  ['card-pixels.webp', 'hidden.webp'],
  ['card-text.png', 'below/CARD.PNG'],
  ['card-pixels.webp', 'below/sd-card.WebP'],
])('%s called %s is the embedding whose name it carries', async (card, name) => {
  const folder = tempFolder()
  mkdirSync(join(folder, 'below'))
  copyFileSync(join(FIXTURES, 'goldens', card), join(folder, name))
  expect(await found('a cat, sd-card', folder)).toEqual({ embeddings: [['sd-card', VECTORS]], notes: [] })
  expect(await found('a cat, card, hidden', folder)).toEqual({ embeddings: [], notes: [] })
})

it.each([
  // what A1111 saves beside an embedding to show it
  ['card-text.png', 'sd-card.preview.png', []],
  ['card-pixels.png', 'sd-card.Preview.png', []],
  // no card, and nobody names it
  ['card-damaged.png', 'other.png', []],
  ['card-damaged.png', 'sd-card.png', [expect.stringContaining('sd-card.png is named in the prompt: ')]],
  ['card-lossy.webp', 'sd-card.webp', [expect.stringContaining('sd-card.webp is named in the prompt: ')]],
])('%s called %s is none', async (card, name, notes) => {
  const folder = tempFolder()
  copyFileSync(join(FIXTURES, 'goldens', card), join(folder, name))
  expect(await found('a cat, sd-card', folder)).toEqual({ embeddings: [], notes })
})

it('a folder of embeddings has to be one', async () => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'file'), '')
  await checkEmbeddingFolders([folder])
  const refused = async (name: string) =>
    checkEmbeddingFolders([folder, name]).catch(({ message }) => message)
  expect(await refused(join(folder, 'gone'))).toContain('does not exist')
  expect(await refused(join(folder, 'file'))).toContain('is not a folder')
  expect(await refused('')).toContain('needs a value')
})
