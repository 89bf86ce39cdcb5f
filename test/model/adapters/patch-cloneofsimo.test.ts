import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { numberedPairs } from '../../../src/model/adapters/cloneofsimo.ts'
import { namedByOrder } from '../../../src/model/adapters/cloneofsimo-order.ts'
import { lookupName, modulesOf } from '../../../src/model/adapters/keymap.ts'
import { type AdapterModule, splitModules } from '../../../src/model/adapters/modules.ts'
import { architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { describeReal } from '../../real-files.ts'
import { realTable, shapeTable } from '../shape-table.ts'

type Layers = readonly (readonly [path: string, rows: number, columns: number])[]

/** By version of diffusers, by model: see fixtures/goldens/cloneofsimo.py. */
const ORDERS: Record<string, Record<string, Layers>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/cloneofsimo.json'), 'utf8'),
)

const WALKS = Object.entries(ORDERS).flatMap(([version, models]) =>
  Object.entries(models).map(([model, layers]) => ({ version, model, layers })),
)

/** The modules of a file with these layers, numbered. */
function numbered(prefix: string, layers: Layers): readonly AdapterModule[] {
  const shapes = layers.flatMap(([, rows, columns], i) => [
    [`${prefix}:${i}:up`, [rows, 4]] as const,
    [`${prefix}:${i}:down`, [4, columns]] as const,
  ])
  return splitModules(shapeTable(Object.fromEntries(shapes))).modules
}

function prefixOf(model: string): string {
  return model.includes('text') ? 'text_encoder' : 'unet'
}

describe('namedByOrder', () => {
  it.each(WALKS)('numbers $model as the trainer did with $version', ({ model, layers }) => {
    const named = namedByOrder(numbered(prefixOf(model), layers))
    // newer versions of transformers leave this part of the name out
    const paths = layers.map(([path]) => (path.startsWith('encoder.') ? `text_model.${path}` : path))
    expect(named?.map(({ path }) => path)).toEqual(paths)
  })

  it('names both parts of one file, in any order of its keys', () => {
    const { 'sd1 unet': unet, 'sd1 text encoder': text } = ORDERS['diffusers 0.11.1']!
    const modules = [...numbered('text_encoder', text!), ...numbered('unet', unet!)].reverse()
    const named = namedByOrder(modules)!
    const byName = new Map(named.map(({ name, path }) => [name, path]))
    expect(byName.get('unet:143')).toBe('mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0')
    expect(byName.get('text_encoder:1')).toBe('text_model.encoder.layers.0.self_attn.v_proj')
  })

  it('does not guess where a module is missing, one is of another shape, or convolutions were trained, too', () => {
    const layers = ORDERS['diffusers 0.11.1']!['sd1 unet']!
    const other: Layers = layers.map((layer, i) => (i === 5 ? [layer[0], 640, 640] : layer))
    expect(namedByOrder(numbered('unet', layers.slice(1)))).toBeUndefined()
    expect(namedByOrder(numbered('unet', other))).toBeUndefined()
    expect(namedByOrder(numbered('unet', layers).filter(({ name }) => name !== 'unet:7'))).toBeUndefined()
    expect(namedByOrder(numbered('unet', [...layers, ['resnet', 320, 320]]))).toBeUndefined()
  })
})

describe('numberedPairs', () => {
  const list = (...shapes: number[][]) =>
    numberedPairs(shapeTable(Object.fromEntries(shapes.map((shape, i) => [`[${i}]`, shape]))))

  it('takes a list of up, down, up, down .. for modules in its order', () => {
    const found = list([320, 4], [4, 768], [640, 8], [8, 320])!
    expect(found.map(({ name, target, shape }) => [name, target, shape.rows])).toEqual([
      ['0', 'unet', 320],
      ['1', 'unet', 640],
    ])
    // a text encoder has one width
    expect(list([768, 4], [4, 768], [768, 4], [4, 768])!.map(({ target }) => target)).toEqual(['te1', 'te1'])
  })

  it.each([
    ['no tensors', []],
    [
      'an odd number of them',
      [
        [320, 4],
        [4, 768],
        [640, 4],
      ],
    ],
    [
      'ranks that differ',
      [
        [320, 4],
        [8, 768],
      ],
    ],
    [
      'a rank that is no lower than its sides',
      [
        [320, 320],
        [320, 320],
      ],
    ],
    [
      'a rank as high as the inputs',
      [
        [320, 64],
        [64, 64],
      ],
    ],
    [
      'a rank as high as the outputs',
      [
        [64, 64],
        [64, 320],
      ],
    ],
    [
      'convolutions',
      [
        [320, 4, 1, 1],
        [4, 320, 1, 1],
      ],
    ],
  ])('takes a list of %s for none', (_, shapes) => {
    expect(list(...shapes)).toBeUndefined()
  })
})

describeReal('files of cloneofsimo/lora', () => {
  // not read before a test runs: where the files are missing, the suite is collected, too
  const disney = () => realTable('loras/cloneofsimo__lora__example_loras__lora_disney.safetensors')

  it('fits the order before diffusers 0.15, and that one only', () => {
    const named = namedByOrder(splitModules(disney()).modules)!
    const unet = named.filter(({ target }) => target === 'unet').map(({ path }) => path)
    const text = named.filter(({ target }) => target === 'te1').map(({ path }) => path)
    expect(unet).toEqual(ORDERS['diffusers 0.11.1']!['sd1 unet']!.map(([path]) => path))
    expect(text).toEqual(ORDERS['diffusers 0.11.1']!['sd1 text encoder']!.map(([path]) => path))
  })

  it('a list without names, made before GEGLU was trained', () => {
    const named = namedByOrder(
      numberedPairs(realTable('loras/cloneofsimo__lora__contents__lora_kiriko.pt'))!,
    )!
    const expected = ORDERS['diffusers 0.11.1']!['sd2 unet without GEGLU']!
    expect(named.map(({ path }) => path)).toEqual(expected.map(([path]) => path))
  })

  it('every module has its layer in the checkpoint', () => {
    for (const module of namedByOrder(splitModules(disney()).modules)!) {
      const place = modulesOf(architectureById('stable-diffusion-v1')!, module.target).get(
        lookupName(module.path),
      )
      expect(place?.shape[0]).toBe(module.shape.rows)
    }
  })
})
