/** Files that number their modules, as the tools see them: with their layers, blocks and base. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { baseById } from '../../../src/model/adapters/base.ts'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { basesThatFit } from '../../../src/model/adapters/fit.ts'
import { kohyaName, placedModules } from '../../../src/model/lora/modules.ts'
import { shapeTable } from '../shape-table.ts'

type Layers = readonly (readonly [path: string, rows: number, columns: number])[]

/** By version of diffusers, by model: see fixtures/goldens/cloneofsimo.py. */
const ORDERS: Record<string, Record<string, Layers>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/cloneofsimo.json'), 'utf8'),
)

const FILES = Object.entries(ORDERS).flatMap(([version, models]) =>
  Object.entries(models).flatMap(([model, layers]) =>
    (['numbers', 'list'] as const).map((form) => ({ version, model, layers, form })),
  ),
)

function fileOf(layers: Layers, model: string, form: 'numbers' | 'list') {
  const prefix = model.includes('text') ? 'text_encoder' : 'unet'
  const keys = (i: number) =>
    form === 'list' ? [`[${2 * i}]`, `[${2 * i + 1}]`] : [`${prefix}:${i}:up`, `${prefix}:${i}:down`]
  const shapes = layers.flatMap(([, rows, columns], i) => {
    const [up, down] = keys(i)
    return [[up!, [rows, 4]] as const, [down!, [4, columns]] as const]
  })
  return shapeTable(Object.fromEntries(shapes))
}

/** Of SD 1.x and 2.x, whose levels have three blocks each; the first on the way down is the convolution before them. */
function blockBy(path: string): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const [, way, level, n] = /^(down|up)_blocks\.(\d)\.attentions\.(\d)/.exec(path) ?? []
  if (way === 'down') return `IN${two(3 * Number(level) + Number(n) + 1)}`
  if (way === 'up') return `OUT${two(3 * Number(level) + Number(n))}`
  const layer = /encoder\.layers\.(\d+)\./.exec(path)
  return layer ? `TE${two(Number(layer[1]))}` : 'MID'
}

describe('a file of cloneofsimo/lora', () => {
  it.each(FILES)('$form of the $model, by $version', async ({ layers, model, form }) => {
    const table = fileOf(layers, model, form)
    const adapter = describeAdapter(table)!
    const base = model.startsWith('sd1') ? 'sd1' : 'sd2'
    expect([adapter.base.architecture, adapter.base.title]).toEqual([base, baseById(base).title])
    expect(adapter.findings).toEqual([])
    const placed = await placedModules({
      name: 'x.pt',
      table,
      adapter,
      read: () => Promise.reject(new Error()),
    })
    expect(placed.map(({ block }) => block)).toEqual(layers.map(([path]) => blockBy(path)))
    expect(basesThatFit(placed.map(({ module }) => module))).toEqual([base])
    const prefix = model.includes('text') ? 'lora_te_text_model_' : 'lora_unet_'
    const names = layers.map(([path]) => prefix + path.replace(/^text_model\./, '').replaceAll('.', '_'))
    expect(placed.map(kohyaName)).toEqual(names)
  })

  it('whose order is not known is not for a base that only its width suggests', () => {
    const layers = ORDERS['diffusers 0.11.1']!['sd1 text encoder']!.slice(1)
    const adapter = describeAdapter(fileOf(layers, 'sd1 text encoder', 'numbers'))!
    expect(adapter.base.architecture).toBeUndefined()
    expect(adapter.findings).toEqual([])
  })
})
