import { catalogue } from '../../system/language.ts'

const tensors = (n: number) => `${n} ${n === 1 ? 'tensor' : 'tensors'}`

export const messages = catalogue({
  exampleMerge: 'What a merge changed, by component and block',
  examplePlot: 'The same as a heat map',
  examplePrecision: 'What rounding changed',
  exampleScript: 'For scripts: exit 4 if any tensor differs',
  aArgument: 'Model file to compare with',
  bArgument: 'Model file that may have changed',
  topOption: 'Number of most changed tensors to list',
  keysOption: 'List every tensor and metadata key that differs',
  emaOption: 'Compare EMA weights instead of the live ones, where there are any',
  plotOption: 'Draw a heat map over the blocks: a .png or .svg file',
  forceOption: 'Replace an existing picture',
  exitCodeOption: 'Exit with 4 if a tensor differs in value, type or shape',

  twoFiles: (named: number) => `diff compares two files, but ${named} ${named === 1 ? 'was' : 'were'} named`,
  exampleHint: 'For example: sdtool diff base.safetensors merged.safetensors',
  emptyFileName: 'a file name is empty',
  badTop: (value: string) => `--top ${value}: not a number of tensors`,
  noEma: 'neither file has an EMA copy of its weights',
  omitEma: 'Leave out --ema.',
  comparing: (a: string, b: string) => `comparing ${a} and ${b}`,
  nothingToPlot: 'no weights could be compared, so no picture was drawn',
  badPlotEnding: (path: string, endings: readonly string[]) =>
    `--plot ${path}: the name must end in ${endings.join(' or ')}`,

  plotSubtitle: (change: string, differing: number, all: number) =>
    `relative change ||b - a|| / ||a|| in percent; all weights: ${change}; ${differing} of ${all} tensors differ`,
  firstBlocks: (title: string, shown: number, all: number) =>
    `${title} (the first ${shown} of ${all} blocks)`,

  tensorCount: tensors,
  emaInBoth: 'EMA weights instead of the live ones in a and b',
  emaInOne: (side: string) => `EMA weights instead of the live ones in ${side}`,
  identical: (n: number) => `identical: ${tensors(n)}, with the same values in each`,
  metadataDiffers: (n: number) =>
    `identical: ${tensors(n)}, with the same values in each; only metadata differs`,
  changedCount: (n: number) => `${n} changed`,
  incomparableCount: (n: number) => `${n} not comparable`,
  retypedCount: (n: number) => `${n} with another type`,
  reshapedCount: (n: number) => `${n} with another shape`,
  onlyInACount: (n: number) => `${n} only in a`,
  onlyInBCount: (n: number) => `${n} only in b`,
  differing: (n: number, all: number, counts: string) =>
    `${n} of ${tensors(all)} ${n === 1 ? 'differs' : 'differ'} (${counts})`,
  differingBy: (n: number, all: number, counts: string, change: string) =>
    `${n} of ${tensors(all)} ${n === 1 ? 'differs' : 'differ'} (${counts}), relative change ${change}`,

  component: 'component',
  tensors: 'tensors',
  differ: 'differ',
  valuesChanged: 'values changed',
  largest: 'largest',
  relativeChange: 'relative change',
  block: 'block',
  mostChanged: (shown: number, all: number) => `${shown} most changed of ${all}`,
  changedTensors: 'changed tensors',
  otherTypes: 'Different types',
  otherShapes: 'Different shapes',
  otherValues: 'Different values, of types that are not numbers',
  onlyInA: 'Only in a',
  onlyInB: 'Only in b',
  metadata: 'Metadata',
  more: (n: number) => `and ${n} more; all with --keys`,
  wrote: 'wrote',
})
