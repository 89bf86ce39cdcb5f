/** Texts of merging LoRAs into a model: of plans and proofs. What does not match is in `unmatched-messages.ts`. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  wrongRatioCount: (ratios: number, loras: number) => `there are ${ratios} ratios for ${loras} LoRAs`,
  oneRatioEach: 'Give one for each.',
  allRatiosZero: 'every ratio is 0, so nothing would change',
  giveRatio: 'Give a ratio, for example --ratio 0.7.',
  notLora: (name: string, title: string) => `${name} is not a LoRA: ${title}`,
  baseFirst: 'The base comes first, then the LoRAs.',
  algorithmWith: (algorithm: string, modifier: string) => `${algorithm} with ${modifier}`,

  blocksOf: (lora: string) => `blocks of ${lora}`,
  noPreset: (where: string, name: string) => `${where} ${name}: there are no block weights with that name`,
  thereAre: (names: readonly string[]) => `There are ${names.join(', ')}.`,
  wrongListLength: (where: string, count: number) => `${where} has ${count} numbers`,
  listLengths: (lengths: readonly string[]) =>
    `A list has ${lengths.slice(0, -1).join(', ')} or ${lengths.at(-1)} numbers; to name single blocks: --blocks IN04=0.5,OUT*=0.`,
  notBlockRatio: (where: string, text: string) => `${where}: ${quoted(text)} is not a block ratio`,
  writeBlockRatios: 'Write IN04=0.5, OUT*=0, or a list of numbers.',
  blockWithoutRatio: (list: number, block: string) =>
    `the list of ${list} ratios has none for block ${block}, which a LoRA changes`,
  fittingList: (block: string) =>
    `Give a list that fits the model (SD 1.x and 2.x: 17 or 26, SDXL: 12 or 20), or name blocks: --blocks ${block}=0.5.`,
  blocksFilled: (lora: string, list: number, blocks: readonly string[]) =>
    `${lora}: the list of ${list} block ratios has none for ${blocks.join(', ')}: 0, as in LoRA Block Weight`,
  blockUnknown: (block: string) => `the base has no block ${quoted(block)}`,
  knownBlocks: (ranges: readonly string[], hasText: boolean) =>
    `It has ${ranges.join(', ')}${hasText ? '; BASE stands for the text encoders' : ''}.`,

  emaMissing: (base: string) => `${base} has no EMA copy of the UNet to patch`,
  leaveOutEmaPatch: 'Leave out --ema patch.',
  patternUnused: (option: string) => `no module and no layer key matches ${option}`,
  patternHint:
    'Modules have the names in the LoRA (sdtool inspect lora --keys), keys those in the base; * stands for any text.',
  embeddingsStay: (lora: string, embeddings: readonly string[]) =>
    `${lora}: its ${counted(embeddings, 'embedding')} cannot be merged and ${embeddings.length === 1 ? 'stays' : 'stay'} in the LoRA`,
  emaPartial: (weights: readonly string[]) => `the EMA copy lacks ${counted(weights, 'changed weight')}`,
  emaDropped: (title: string) =>
    `the ${title} would no longer match the merged weights and is left out; --ema patch merges into it as well; to merge into its values, run sdtool prune first`,
  changed: 'changed by the LoRAs',
  changedAs: (dtype: string) => `changed by the LoRAs, as ${dtype}`,
  unchangedAs: (dtype: string) => `unchanged, as ${dtype}`,
  notPatchable: (tensor: string, dtype: string) =>
    `${quoted(tensor)} is ${dtype}, and nothing can be added to that`,
  convertFirst: 'Convert the base first: sdtool convert --dtype fp16.',

  otherExpert: (lora: string, own: string, base: string) =>
    `${lora} is for the member ${own}; the base is another one of the pair: ${base}`,
  familyUnsure: (lora: string, families: string, usual: string | undefined) => {
    const most = usual === undefined ? '' : `most such LoRAs are for ${usual}, and `
    return `${lora}: its layers are those of ${families}; ${most}its metadata do not say which of them it was trained for`
  },
  namedTwice: (lora: string) => `${lora} is named more than once, and is applied each time`,
  addsNothing: (lora: string) => `${lora} adds only zeros to the weights`,
  nothingChanged: 'nothing changed: the LoRAs add only zeros to the weights',
  maybeUntrained: 'The LoRA may be untrained or damaged; sdtool inspect --scan checks its values.',
  deadModules: (modules: readonly string[]) =>
    `${counted(modules, 'module')} ${modules.length === 1 ? 'changes' : 'change'} nothing: what ${modules.length === 1 ? 'it adds' : 'they add'} is 0, or too small for any type`,
  vanished: (modules: readonly string[], tensor: string, average: string, dtype: string) =>
    `the change of ${counted(modules, 'module')} vanishes when it is rounded: in ${quoted(tensor)} it is ${average} on average, less than half a step of ${dtype}`,
  keepMore: 'Use a wider type (--dtype fp32), a higher ratio, or leave the modules out (--exclude).',
  notFiniteByModule: (tensor: string, module: string) =>
    `${quoted(tensor)} would have values that are not finite, because of module ${quoted(module)}`,
  notFiniteByBase: (tensor: string) =>
    `${quoted(tensor)} would have values that are not finite, because of the base`,
})
