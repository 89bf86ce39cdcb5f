/** Texts of `merge-lora`: help, wrong usage, page. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  example: 'Write model-style-0.7.safetensors',
  exampleThree: 'Three at once; b not in the text encoders. Bare names are looked up in your model folders',
  exampleDryRun: 'Show what would change, and how well the LoRA fits; nothing is written',
  base: 'Checkpoint, UNet or text encoder',
  loras: 'LoRAs of any kind: name, name:0.7, name:0.7:0.5 (UNet:text encoder), "<lora:name:0.7:lbw=MIDD>"',
  ratio: 'Strength, for all or one each: 0.7,0.3. May be negative or above 1. Repeatable',
  dtypeDefault: 'that of each weight of the base',
  blocks:
    'Ratios of blocks: IN04=0.5,OUT*=0, layers.3=0.2 (the last match counts; see below), a list of 12, 17, 20 or 26, or MIDD, OUTD ..; repeated: one for each LoRA',
  only: 'Merge only into the UNet, or only into the text encoders',
  include: 'Only modules or keys that match this pattern. Repeatable',
  exclude: 'No modules or keys that match this pattern. Repeatable',
  allowUnmatched: 'Leave out what does not fit, merge the rest',
  ema: 'EMA copy of changed weights: leave it out (default), or merge into it as well',
  verifyDefault: 'what was changed',

  noBase: 'no base was named',
  noBaseHint: 'Name the base, then the LoRAs: sdtool merge-lora base lora.',

  modules: 'modules',
  adapter: 'adapter',
  for: 'for',
  algorithm: 'algorithm',
  rank: 'rank',
  ratioHead: 'ratio',
  matched: 'matched',
  unmatched: 'unmatched',
  leftOut: 'left out',
})
