import { describe, expect, it } from 'vitest'
import { splitModules } from '../../../../src/model/adapters/modules.ts'
import { peftSettings } from '../../../../src/model/adapters/peft/sources.ts'
import { withSettings } from '../../../../src/model/adapters/peft/steer.ts'
import { type Shapes, shapeTable } from '../../shape-table.ts'

const PATH = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q'
const UNET = {
  [`unet.${PATH}.lora_A.weight`]: [4, 8],
  [`unet.${PATH}.lora_B.weight`]: [8, 4],
} as const
const PEFT = {
  [`base_model.model.${PATH}.lora_A.weight`]: [4, 8],
  [`base_model.model.${PATH}.lora_B.weight`]: [8, 4],
} as const

interface Places {
  /** `adapter_config.json`: an object, or its text. */
  readonly beside?: unknown
  readonly metadata?: Readonly<Record<string, string>>
}

function settingsOf({ beside, metadata = {} }: Places) {
  const text = typeof beside === 'string' ? beside : JSON.stringify(beside)
  const companion = beside === undefined ? undefined : { name: 'adapter_config.json', text }
  return peftSettings({ tensors: new Map(), metadata, ...(companion && { companion }) })
}

function numbersOf(shapes: Shapes, places: Places, own = new Map<string, Float64Array>()) {
  const [module] = splitModules(shapeTable(shapes)).modules
  return withSettings(module!, own, settingsOf(places))
}

function scaleOf(shapes: Shapes, places: Places): number | undefined {
  return numbersOf(shapes, places).get('scale')?.[0]
}

const embedded = (config: object) => ({ lora_adapter_metadata: JSON.stringify(config) })
const refusal = expect.objectContaining({ code: 'PEFT_CONFIG', exitCode: 3 })

describe('the scale of a LoRA of rank 4 by lora_adapter_metadata', () => {
  it.each([
    ['that of the part', { 'unet.lora_alpha': 16 }, 4],
    ['none for another part', { 'text_encoder.lora_alpha': 16 }, undefined],
    ['rank-stabilised', { 'unet.lora_alpha': 16, 'unet.use_rslora': true }, 8],
    ['of the end of the path', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { 'attn1.to_q': 2 } }, 0.5],
    ['of the whole path', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { [`^${PATH}`]: 2 } }, 0.5],
    ['of an escaped path', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { 'attn1\\.to_q$': 2 } }, 0.5],
    ['a dot is any character', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { 'attn1.to.q': 2 } }, 0.5],
    ['not of a part of a word', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { o_q: 2 } }, 4],
    ['not of the end by ^', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { '^to_q': 2 } }, 4],
    ['the first that fits', { 'unet.alpha_pattern': { to_q: 3, 'attn1.to_q': 2 } }, 0.75],
    ['of one network without a prefix', { r: 4, lora_alpha: 16 }, 4],
  ])('%s', (_, config, scale) => expect(scaleOf(UNET, { metadata: embedded(config) })).toBe(scale))

  it('leaves an alpha in the tensors what it is, whatever else is said', () => {
    const own = new Map([['alpha', Float64Array.of(1)]])
    const places = { beside: '{', metadata: { ...embedded({ 'unet.lora_alpha': 16 }), alpha: '7' } }
    expect(numbersOf(UNET, places, own)).toBe(own)
  })

  it('does not run regular expressions of a file', () => {
    for (const pattern of ['(a+)+$', 'layers\\.\\d+', 'to_[qk]', '12']) {
      const metadata = embedded({ 'unet.alpha_pattern': { [pattern]: 2 } })
      expect(() => scaleOf(UNET, { metadata })).toThrow(
        expect.objectContaining({ code: 'PEFT_PATTERN', exitCode: 3 }),
      )
    }
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`x${i}`, 1]))
    expect(() => scaleOf(UNET, { metadata: embedded({ 'unet.alpha_pattern': many }) })).toThrow(
      expect.objectContaining({ code: 'PEFT_PATTERN' }),
    )
  })
})

/** Who writes what is told in `sources.ts`. */
const HEADERS: readonly (readonly [Readonly<Record<string, string>>, number | undefined])[] = [
  [{ alpha: '8', rank: '128' }, 2],
  [{ lora_alpha: '32.0' }, 8],
  [{ network_alpha: '1' }, 0.25],
  [{ 'unet.lora_alpha': '12', 'unet.r': '4' }, 3],
  [{ 'transformer.lora_alpha': '12' }, 3],
  [{ 'unet.network_alpha': '12' }, 3],
  [{ 'unet.alpha': '12' }, 3],
  [{ 'unet.lora_alpha': '16', 'unet.use_rslora': 'True' }, 8],
  [{ 'unet.lora_alpha': '16', 'unet.alpha_pattern': '{"to_q": 4}' }, 1],
  [{ lora_alpha: '16', alpha: '16.0' }, 4],
  [{ 'text_encoder.lora_alpha': '12' }, undefined],
  [{ alpha: 'None' }, undefined],
  [{ alpha: '' }, undefined],
  // kohya reads alpha from tensors alone
  [{ ss_network_alpha: '2' }, undefined],
]

describe('the scale of a LoRA of rank 4 by single texts in the header', () => {
  it.each(HEADERS)('%j: %s', (metadata, scale) => expect(scaleOf(UNET, { metadata })).toBe(scale))

  it.each([
    { alpha: 'Dynamic' },
    { lora_alpha: '1e999x' },
    { 'unet.lora_alpha': '[8]' },
    { lora_alpha: '8', alpha: '16' },
    { alpha: '8', ...embedded({ 'unet.lora_alpha': 16 }) },
  ])('%j is refused', (metadata) => expect(() => scaleOf(UNET, { metadata })).toThrow(refusal))
})

describe('adapter_config.json', () => {
  it.each([
    [{ peft_type: 'LORA', r: 4, lora_alpha: 32 }, 8],
    [{ r: 4, lora_alpha: 32, use_rslora: true }, 16],
    [{ peft_type: 'LORA', r: 64, rank_pattern: { to_q: 4 }, lora_alpha: 32 }, 8],
    [{ peft_type: 'LORA', r: 4, lora_alpha: 0 }, 0],
    // PEFT's own defaults
    [{ peft_type: 'LORA', r: 4 }, 2],
    [{ peft_type: 'LORA', r: 4, lora_alpha: 8, init_lora_weights: 'gaussian' }, 2],
  ])('%j: scale %d', (beside, scale) => expect(scaleOf(PEFT, { beside })).toBe(scale))

  /** Each gives one line that names the file, and what is wrong in it. */
  const BAD: readonly (readonly [beside: unknown, says: string])[] = [
    ['{', 'not a JSON object'],
    ['[1]', 'not a JSON object'],
    [`${'{"r": '.repeat(200)}1${'}'.repeat(200)}`, 'too deep'],
    [{ r: '4', lora_alpha: 8 }, 'its r is \\"4\\", not a number'],
    [{ r: 4, lora_alpha: '8' }, 'its lora_alpha is'],
    [{ r: 4, lora_alpha: [8] }, 'its lora_alpha is'],
    [{ r: 0, lora_alpha: 8 }, 'its r is 0'],
    [{ r: -4, lora_alpha: 8 }, 'its r is -4'],
    [{ r: 2.5, lora_alpha: 8 }, 'its r is 2.5'],
    ['{"r": 4, "lora_alpha": 1e999}', 'its lora_alpha is'],
    [{ r: 4, lora_alpha: 8, use_rslora: 'yes' }, 'its use_rslora is'],
    [{ r: 4, lora_alpha: 8, rank_pattern: [1] }, 'its rank_pattern is'],
    [{ r: 4, lora_alpha: 8, alpha_pattern: { to_q: 'x' } }, 'its to_q is'],
    [{ r: 8, lora_alpha: 8 }, 'it says rank 8'],
    [{ peft_type: 'LOHA', r: 4, alpha: 8 }, 'it is for LOHA'],
    [{ peft_type: 'ADALORA', r: 4 }, 'peft_type'],
    [{ peft_type: 'VERA', r: 4 }, 'peft_type'],
    [{ r: 4, init_lora_weights: 'pissa_niter_16' }, 'changed the weights of the base model'],
    [{ r: 4, init_lora_weights: 'olora' }, 'changed the weights of the base model'],
    [{ r: 4, use_qalora: true }, 'it sets use_qalora'],
    [{ r: 4, layer_replication: [[0, 4]] }, 'it sets layer_replication'],
  ]

  it.each(BAD)('%j is refused', (beside, says) => {
    const run = () => scaleOf(PEFT, { beside })
    expect(run).toThrow(refusal)
    expect(run).toThrow(/^adapter_config\.json: [^\n]{5,250}$/)
    expect(run).toThrow(says.replaceAll('\\"', '"'))
  })

  it('has to agree with the header', () => {
    const beside = { r: 4, lora_alpha: 32 }
    expect(scaleOf(PEFT, { beside, metadata: { alpha: '32' } })).toBe(8)
    expect(() => scaleOf(PEFT, { beside, metadata: { alpha: '4' } })).toThrow(
      /scales .* by 8, "alpha" .* by 1$/,
    )
  })

  it('has to be there for OFT, and may for IA3 of a square convolution', () => {
    expect(() => numbersOf({ 'base_model.model.x.oft_R.weight': [2, 6] }, {})).toThrow(refusal)
    const ia3 = { 'base_model.model.ff.net.ia3_l': [1, 8, 1, 1] } as const
    const feedforward = (modules: unknown) => {
      const beside = { peft_type: 'IA3', feedforward_modules: modules }
      return numbersOf(ia3, { beside }).get('on_input')?.[0]
    }
    expect(feedforward(['net'])).toBe(1)
    expect(feedforward(['to_k'])).toBe(0)
    expect(numbersOf(ia3, {}).size).toBe(0)
    expect(() => feedforward([5])).toThrow(refusal)
  })

  it.each([
    { num_cayley_neumann_terms: 0 },
    { num_cayley_neumann_terms: 1e9 },
    { eps: -1, coft: true },
    { coft: 'x' },
  ])('of OFT with %j is refused', (more) => {
    const beside = { peft_type: 'OFT', oft_block_size: 4, ...more }
    expect(() => numbersOf({ 'base_model.model.x.oft_R.weight': [2, 6] }, { beside })).toThrow(refusal)
  })

  it('of the OFT before PEFT 0.14 is refused', () => {
    const beside = { peft_type: 'OFT', r: 8 }
    expect(() => numbersOf({ 'base_model.model.x.oft_R.weight': [2, 6] }, { beside })).toThrow(/before 0\.14/)
  })
})
