/** Texts of writing any output: where it goes, what goes with it, what became of its values. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'
import { quoted } from '../../system/text.ts'

/** Values of some tensors, and the first of these. */
export interface Affected {
  readonly values: number
  readonly tensors: number
  readonly first: string
}

function inTensors({ tensors, first }: Affected): string {
  return `in ${plural(tensors, 'tensor')} (first ${quoted(first)})`
}

function notFinite(affected: Affected): string {
  const { values } = affected
  return `${values} NaN or infinite ${values === 1 ? 'value' : 'values'} ${inTensors(affected)}`
}

export const messages = catalogue({
  overflow: (affected: Affected, dtype: string) =>
    `${plural(affected.values, 'value')} ${inTensors(affected)} became infinite in ${dtype}; use bf16, or keep that component in fp32`,
  overflowToNan: (affected: Affected, dtype: string) =>
    `${plural(affected.values, 'value')} ${inTensors(affected)} became NaN, as ${dtype} has no infinity; use bf16, or keep that component in fp32`,
  underflow: (affected: Affected, dtype: string) =>
    `${plural(affected.values, 'value')} ${inTensors(affected)} became zero in ${dtype}`,

  wouldBeDamaged: (affected: Affected) => `${notFinite(affected)}: the output would be damaged`,
  seeScan: 'sdtool inspect --scan shows which file they come from.',
  keptDamage: (affected: Affected) =>
    `${notFinite(affected)} kept as in the input, which is damaged; see inspect --scan`,

  lossOfLoras: (part: string, dtypes: readonly string[], percent: string) =>
    `${part}: the rounding error in ${dtypes.join(', ')} is ${percent} % of the change the LoRAs make; a wider type (--dtype) keeps more`,
  lossOfMerge: (part: string, dtypes: readonly string[], percent: string) =>
    `${part}: the rounding error in ${dtypes.join(', ')} is ${percent} % of the change the merge makes; a wider type (--dtype) keeps more`,

  oneFileForSeveral: (output: string) => `-o ${output} names one file, but there are several inputs`,
  nameFolder: 'Name a folder: -o converted/',
  mustEndAsSafetensors: (output: string, ending: string) =>
    `-o ${output}: sdtool writes safetensors, so the name must end in ${ending}`,
  mustEndAsTorch: (output: string, ending: string) =>
    `-o ${output}: sdtool writes a torch file, so the name must end in ${ending}`,
  endFolderWithSlash: 'For a folder, end the name with a slash.',
  outputIsInput: (input: string, output: string) =>
    `${input} would be written to ${output}, which is another input of this run`,
  otherFolder: 'Write to another folder (-o converted/), or run the command on this file alone.',
  outputTwice: (input: string, output: string, first: string) =>
    `${input} would be written to ${output}, like ${first} in this run`,
  runAlone: 'Run the command on this file alone, with another name (-o).',
  forceOrNoSidecars: 'Use --force to replace it, or leave out --sidecars.',

  sidecarsLeftByFolder: (files: readonly string[]) =>
    `${counted(files, 'file')} next to the model not copied: a folder has no place for them`,
  sidecarsLeft: (files: readonly string[], source: string) =>
    `${counted(files, 'file')} next to ${source} ${files.length === 1 ? 'has' : 'have'} its name, but not that of the output; --sidecars copies such files`,
  sidecarsCopied: (files: readonly string[]) => `${counted(files, 'file')} next to it as well`,
  sidecarsNotCopied: (files: readonly string[]) =>
    `${counted(files, 'file')} not copied: hashes of the original file, or VAEs (see bake-vae)`,
})
