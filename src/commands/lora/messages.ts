/** Texts of `lora merge`, `lora resize` and `lora check`: help, wrong usage, pages. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  mergeExample: 'Write style-0.7-detail-0.5.safetensors, the exact sum of both',
  mergeExampleFull: 'In full precision, under another name',
  mergeFiles: 'LoRAs: name, name:0.7, name:0.7:0.5 (UNet:text encoder)',
  ratio: 'Strength, for all or one each: 0.7,0.3. Repeatable',
  factorType: 'Type of the factors',
  widestType: 'the widest of the LoRAs',
  noLora: 'no LoRA was named',
  oneLora: 'one LoRA cannot be merged with nothing',
  nameTwo: 'Name two or more: sdtool lora merge a:0.7 b:0.5.',
  blocksDependOnModel: (lora: string) => `${lora} has block ratios, which depend on the model it is for`,
  mergeIntoCheckpoint: 'Merge it into the checkpoint: sdtool merge-lora takes them.',
  exact: 'exact: no factor was changed',
  rounded: (modules: number, dtype: string) =>
    `the factors of ${modules} ${modules === 1 ? 'module' : 'modules'} were multiplied and rounded once to ${dtype}`,

  resizeExample: 'Write style-r16.safetensors',
  resizeExampleDynamic: 'What a rank for each layer would keep',
  resizeExampleOther: 'A LoKr or LoHa as a LoRA, which every program reads',
  oneNamed: 'name one LoRA',
  resizeHint: 'For example: sdtool lora resize style.safetensors --rank 16.',
  file: 'The LoRA',

  rank: (auto: string, limit: number) =>
    `Rank of every layer; with --dynamic the maximum; auto: --dynamic ${auto}, at most ${limit}`,
  convRank: 'The same for convolutions with a kernel',
  convRankDefault: 'that of --rank',
  dynamic:
    'A rank for each layer: sv_ratio=20 (singular values above a 20th of the first), sv_cumulative=0.9 (share of their sum), sv_fro=0.9 (share of the norm)',
  seed: 'For the random sketches',
  seedOfOtherKinds: 'For the random sketches, for kinds other than plain LoRA',
  notRank: (option: string, text: string) => `--${option} ${text}: not a rank`,
  rankRange: (limit: number) => `A rank is a whole number from 1 to ${limit}.`,
  rankRangeOrAuto: (limit: number) => `A rank is a whole number from 1 to ${limit}, or auto.`,
  noSuchRule: (text: string) => `--dynamic ${text}: no such rule`,
  rules: (rules: readonly string[]) => `Rules are ${rules.join(', ')}, as in --dynamic sv_ratio=20.`,
  ratioTarget: (text: string) => `--dynamic ${text}: the target of sv_ratio is a number of 1 or more`,
  shareTarget: (text: string, rule: string) =>
    `--dynamic ${text}: the target of ${rule} is above 0 and at most 1`,
  seedRange: (text: string, limit: number) => `--seed ${text}: a seed is a whole number from 0 to ${limit}`,

  convertExample: 'Write style-comfyui.safetensors, with the names of the weights in a checkpoint',
  convertExampleNamed: 'With the names that diffusers loads, under another name',
  convertExamplePeft: 'Write the folder style-peft with adapter_config.json, which PEFT loads',
  convertHint: 'For example: sdtool lora convert style.safetensors --to diffusers.',
  to: 'Whose names the LoRA gets',
  noNaming: '--to is missing: whose names the LoRA is to get',

  checkExample: 'Dead or damaged modules, norms of the blocks, the base it fits',
  checkExampleBase: 'Whether every module has its layer in a model, and a plot',
  checkHint: 'For example: sdtool lora check style.safetensors.',
  checkBase: 'Model whose layers the modules are compared with',
  plot: 'Plot the norms of layers and blocks: a .png or .svg',
  force: 'Replace an existing plot',
  baseNotModel: (name: string, title: string) => `${name} is not a model that a LoRA could be for: ${title}`,
  nameBase: 'Name a checkpoint, a UNet or a text encoder with --base.',
  noPlace: (modules: readonly string[], base: string) =>
    `${counted(modules, 'module')} ${modules.length === 1 ? 'has' : 'have'} no place in ${base}`,
  misshapen: (modules: readonly string[], fault: string) =>
    `${counted(modules, 'module')} cannot be computed: ${fault}`,
  notFinite: (modules: readonly string[]) =>
    `${counted(modules, 'module')} would make the weights NaN or infinite`,
  dead: (modules: readonly string[]) =>
    `${counted(modules, 'module')} ${modules.length === 1 ? 'adds' : 'add'} nothing: one of the factors is 0`,
  fits: (bases: readonly string[]) => `fits: ${bases.join(', ')}`,
  fitsNone: 'fits: no architecture that sdtool knows has all these layers',
  matched: (base: string, matched: number, unmatched: number) =>
    `${base}: ${matched} ${matched === 1 ? 'module' : 'modules'} matched, ${unmatched} not`,
  normsOf: (file: string) => `Norms of ${file}`,
  plotSubtitle: 'norm of what the modules add, in percent of the norm of the whole LoRA',

  part: 'part',
  block: 'block',
  modules: 'modules',
  deadHead: 'dead',
  norm: 'norm',
  ofAll: 'of all',
  all: 'all',
  ratioHead: 'ratio',
  rankHead: 'rank',
  sum: 'sum',
})
