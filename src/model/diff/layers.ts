/** Kinds of layers inside a block: what a row of the heat map stands for. */
type Rule = readonly [pattern: RegExp, layer: string]

function attention(name: string, layer: string): Rule[] {
  return [
    ...['q', 'k', 'v'].map((part): Rule => [new RegExp(`\\.${name}\\.to_${part}\\.`), `${layer} ${part}`]),
    [new RegExp(`\\.${name}\\.to_out\\.`), `${layer} out`],
  ]
}

/** One stream of a diffusion transformer: the layers of Flux and of SD3. */
function stream(layer: string, flux: string, sd3: string): Rule[] {
  return [
    [new RegExp(`\\.(?:${flux}_attn|${sd3}\\.attn)\\.qkv\\.`), `${layer} attn qkv`],
    [new RegExp(`\\.(?:${flux}_attn|${sd3}\\.attn)\\.proj\\.`), `${layer} attn out`],
    [new RegExp(`\\.${sd3}\\.attn2\\.qkv\\.`), `${layer} attn2 qkv`],
    [new RegExp(`\\.${sd3}\\.attn2\\.proj\\.`), `${layer} attn2 out`],
    [new RegExp(`\\.(?:${flux}_mlp\\.0|${sd3}\\.mlp\\.fc1)\\.`), `${layer} mlp in`],
    [new RegExp(`\\.(?:${flux}_mlp\\.2|${sd3}\\.mlp\\.fc2)\\.`), `${layer} mlp out`],
    [new RegExp(`\\.(?:${flux}_mod|${sd3}\\.adaLN_modulation)\\.`), `${layer} modulation`],
    [new RegExp(`\\.(?:${flux}_attn\\.norm|${sd3}\\.attn2?\\.ln_[qk])\\b`), `${layer} norms`],
  ]
}

/**
 * Layers by what their keys look like inside a component: UNets and VAEs in ldm and diffusers layout, CLIP, OpenCLIP,
 * T5, Flux, SD3. First match wins; this is also the order of the rows.
 */
const RULES: readonly Rule[] = [
  ...attention('attn1', 'attn1'),
  ...attention('attn2', 'attn2'),
  [/\.ff\.net\.0\./, 'ff in'],
  [/\.ff\.net\.2\./, 'ff out'],
  [/\.proj_in\./, 'proj in'],
  [/\.attentions\.\d+\.proj_out\.|\.1\.proj_out\./, 'proj out'],
  [
    /\.transformer_blocks\.\d+\.norm\d\.|^(?:(?:in|out)put_blocks\.\d+|middle_block)\.1\.norm\.|\battentions\.\d+\.norm\./,
    'attn norms',
  ],
  ...stream('img', 'img', 'x_block'),
  ...stream('txt', 'txt', 'context_block'),
  [/^single_blocks\.\d+\.linear1\./, 'linear 1'],
  [/^single_blocks\.\d+\.linear2\./, 'linear 2'],
  [/^single_blocks\.\d+\.modulation\./, 'modulation'],
  // text encoders; the middle of a VAE
  [/\.in_proj_(?:weight|bias)$/, 'attn qkv'],
  [/\.(?:self_attn\.q_proj|SelfAttention\.q|attn_1\.q|to_q|query)\./, 'attn q'],
  [/\.(?:self_attn\.k_proj|SelfAttention\.k|attn_1\.k|to_k|key)\./, 'attn k'],
  [/\.(?:self_attn\.v_proj|SelfAttention\.v|attn_1\.v|to_v|value)\./, 'attn v'],
  [
    /\.(?:attn\.out_proj|self_attn\.out_proj|SelfAttention\.o|attn_1\.proj_out|to_out\.0|proj_attn)\./,
    'attn out',
  ],
  [/\.(?:mlp\.fc1|mlp\.c_fc|DenseReluDense\.wi_[01])\./, 'mlp in'],
  [/\.(?:mlp\.fc2|mlp\.c_proj|DenseReluDense\.wo)\./, 'mlp out'],
  [/\.(?:in_layers\.2|conv1)\./, 'res conv 1'],
  [/\.(?:out_layers\.3|conv2)\./, 'res conv 2'],
  [/\.(?:emb_layers\.1|time_emb_proj)\./, 'res time'],
  [/\.(?:skip_connection|conv_shortcut|nin_shortcut)\./, 'res skip'],
  [/\.(?:in_layers\.0|out_layers\.0|resnets\.\d+\.norm\d|block(?:_|\.)\d+\.norm\d)\./, 'res norms'],
  [/\.op\.|\.(?:down|up)sample(?:rs)?\.|_blocks\.\d+\.[12]\.conv\./, 'resample'],
  [/^(?:time_embed|time_embedding|time_in|t_embedder)\./, 'time embed'],
  [/^(?:label_emb|add_embedding|class_embedding|vector_in|y_embedder|guidance_in)\b/, 'vector embed'],
  [/^(?:input_blocks\.0\.0|img_in|x_embedder)\.|(?:^|\.)conv_in\.|^txt_in\.|^context_embedder\./, 'conv in'],
  [/^(?:out\.2|final_layer)\.|(?:^|\.)conv_out\./, 'conv out'],
  [/quant_conv\./, 'quant conv'],
  [/token_embedding\.|^shared\.|embed_tokens\./, 'tokens'],
  [/position(?:al)?_(?:embedding|ids)\b|^pos_embed$|relative_attention_bias\./, 'positions'],
  [/^text_projection\b|^logit_scale$/, 'projection'],
  [/norm|\.ln_\d\.|^ln_final\.|^out\.0\./, 'norms'],
]

export const OTHER_LAYER = 'other'

/** Kinds of layers of one network with names of its own; a made-up file must not make a table of a million rows. */
export const MAX_OWN_LAYERS = 60

/** Which kind of layer each key of a network belongs to; weight and bias are one. */
export function layersOf(keys: Iterable<string>): (key: string) => string {
  const own = new Set(
    [...keys].flatMap((key) => (knownLayer(key) === undefined ? (ownLayer(key) ?? []) : [])),
  )
  const named = own.size > MAX_OWN_LAYERS ? () => undefined : ownLayer
  return (key) => knownLayer(key) ?? named(key) ?? OTHER_LAYER
}

function knownLayer(key: string): string | undefined {
  return RULES.find(([pattern]) => pattern.test(key))?.[1]
}

const LEAVES: ReadonlySet<string> = new Set(['weight', 'bias', 'scale'])
const RE_STEP = /^[\w-]{1,48}$/

/** As the network calls it, inside of its block: `attention qkv` of `layers.3.attention.qkv.weight`. */
function ownLayer(key: string): string | undefined {
  const steps = key.split('.')
  if (LEAVES.has(steps.at(-1)!)) steps.pop()
  const isName = (step: string) => !/^\d+$/.test(step)
  const inBlock = steps.slice(steps.findIndex((step) => !isName(step)) + 1).filter(isName)
  const names = (inBlock.length > 0 ? inBlock : steps.filter(isName)).slice(-2)
  return names.length > 0 && names.every((step) => RE_STEP.test(step)) ? names.join(' ') : undefined
}

const ORDER = [...new Set(RULES.map(([, layer]) => layer))]

/** Puts layers into the order they have in a block, unknown ones last. */
export function compareLayers(a: string, b: string): number {
  const rank = (layer: string) => (ORDER.indexOf(layer) + ORDER.length + 1) % (ORDER.length + 1)
  return rank(a) - rank(b)
}
