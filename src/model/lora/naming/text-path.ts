/** Words in the names of text encoders that have an underline themselves. Sources: transformers, modeling_{clip,t5,umt5,qwen2,qwen3,gemma2,llama}.py. */
const WORDS: readonly string[] = [
  'text_model',
  'language_model',
  'self_attn',
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'out_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
  'q_norm',
  'k_norm',
  'layer_norm1',
  'layer_norm2',
  'layer_norm',
  'final_layer_norm',
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
  'embed_tokens',
  'token_embedding',
  'position_embedding',
  'text_projection',
  'wi_0',
  'wi_1',
  'relative_attention_bias',
]

const RE_WORD = new RegExp(
  `^(?:${[...WORDS].sort((a, b) => b.length - a.length).join('|')}|[a-zA-Z0-9]+)(?=_|$)`,
)

/** The path of a layer of a text encoder with dots between its steps; undefined for words that no encoder is known to have. */
export function dottedTextPath(path: string): string | undefined {
  const steps: string[] = []
  let rest = path.replaceAll('.', '_')
  while (rest !== '') {
    const word = RE_WORD.exec(rest)?.[0]
    if (word === undefined) return undefined
    steps.push(word)
    rest = rest.slice(word.length + 1)
  }
  return steps.join('.')
}
