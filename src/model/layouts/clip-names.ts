/** Text and image encoders whose names lack a word that programs look for, and token tables under their second name. */

interface ShortNames {
  /** The word that is left out. */
  readonly word: string
  /** A key by its end, which only such an encoder has; what stands before it is the prefix of the encoder. */
  readonly marker: string
  /** What the names begin with that are the encoder's own, without prefix. */
  readonly owns: RegExp
}

/**
 * transformers 5.6 and later leave the word out where the network is nothing but the encoder: `CLIPTextModel` and
 * `CLIPVisionModel`, with their relatives of SigLIP; a projection keeps it (`PrefixChange` in conversion_mapping.py). NovelAI's
 * leak had done so before.
 */
const SHORT_NAMES: readonly ShortNames[] = [
  {
    word: 'text_model.',
    marker: 'embeddings.token_embedding.weight',
    owns: /^(?:embeddings|encoder\.layers|final_layer_norm|head)\./,
  },
  {
    word: 'vision_model.',
    marker: 'embeddings.patch_embedding.weight',
    owns: /^(?:embeddings|encoder\.layers|pre_layrnorm|post_layernorm|head)\./,
  },
]

/** The token table of a T5 has two names, of which a file may hold either; programs look for the first. */
const T5_TABLE = { known: 'shared.weight', second: 'encoder.embed_tokens.weight' } as const
const T5_MARKER = 'encoder.block.0.layer.0.SelfAttention.q.weight'

/** The tower of a model of text and images, which no program looks for by itself. */
const RE_TOWER = /(?:^|\.)vision_tower\.$/

/** Given name -> the name programs look for, of the names that lack a word. Never a name that is taken already. */
export function longClipNames(names: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>()
  for (const { word, marker, owns } of SHORT_NAMES) {
    for (const prefix of prefixesOf(names, marker, word)) {
      const own = [...names].filter((name) => name.startsWith(prefix) && owns.test(name.slice(prefix.length)))
      const renames = own.map((name) => [name, prefix + word + name.slice(prefix.length)] as const)
      // merges can have a second set of keys with the word; then the first is what it is: unknown
      if (renames.some(([, long]) => names.has(long))) continue
      for (const [name, long] of renames) found.set(name, long)
    }
  }
  for (const prefix of prefixesOf(names, T5_TABLE.second)) {
    const long = prefix + T5_TABLE.known
    if (names.has(prefix + T5_MARKER) && !names.has(long)) found.set(prefix + T5_TABLE.second, long)
  }
  return found
}

/** A model has a handful of encoders; a file with thousands of such names must not cost thousands of walks. */
const MAX_ENCODERS = 16

/** What stands before the marker, and before the word if a part of the names has it: a shard may have it, and another not. */
function prefixesOf(names: ReadonlySet<string>, marker: string, word = ''): string[] {
  const ends = [...names].filter((name) => name === marker || name.endsWith(`.${marker}`))
  const prefixes = ends.map((name) => name.slice(0, name.length - marker.length))
  const before = prefixes.map((prefix) =>
    prefix.slice(0, prefix.length - (prefix.endsWith(word) ? word.length : 0)),
  )
  return [...new Set(before)].filter((prefix) => !RE_TOWER.test(prefix)).slice(0, MAX_ENCODERS)
}
