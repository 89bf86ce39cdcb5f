/** Texts of extracting a LoRA from two models. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

type Shape = readonly number[]

export const messages = catalogue({
  twoModels: (count: number) =>
    `extract lora takes two models; ${count} ${count === 1 ? 'was' : 'were'} named`,
  tunedThenBase: 'First the fine-tuned one, then its base: sdtool extract lora tuned base.',
  overflow: (values: number) =>
    `${values} ${values === 1 ? 'value' : 'values'} of the LoRA became infinite; use --dtype bf16 or fp32`,
  mixedPredictions: (tuned: string, base: string, prediction: string) =>
    `${tuned}, but ${base}: the LoRA holds that change, too, and a model with it has to be sampled as ${prediction}`,
  mixedSchedules: (tuned: string, base: string) => `${tuned}, ${base}: the LoRA says what the first one does`,
  notANetwork: (file: string, title: string) => `${file} is not the weights of a network: ${title}`,
  lacksTensors: (file: string, tensors: readonly string[]) => `${file} lacks ${counted(tensors, 'tensor')}`,
  onlyNamesAndShapes:
    'no known architecture: names and shapes of the layers are equal, nothing else was checked; the modules have the names of the layers',
  mixedArchitectures: (tuned: string, tunedTitle: string, base: string, baseTitle: string) =>
    `${tuned} is a ${tunedTitle}, but ${base} is a ${baseTitle}`,
  fromItsBase: 'A LoRA is extracted from a fine-tuned model and the model it was trained from.',
  layerShapes: (tuned: string, weight: string, shape: Shape, base: string, baseShape: Shape) =>
    `${tuned}: ${quoted(weight)} is [${shape}], in ${base} it is [${baseShape}]`,
  noCommonLayers: (tuned: string, base: string) =>
    `${tuned} and ${base} have no layer in common that a LoRA can hold`,
  notFinite: (weight: string) => `the difference of ${quoted(weight)} has values that are not finite`,
  nothingDiffers: (tuned: string, base: string) =>
    `${tuned} and ${base} have the same weights in all layers that the LoRA would hold`,
  onlyOthersDiffer: (tuned: string, base: string, tensors: number) =>
    `${tuned} and ${base} have the same weights in all layers that the LoRA would hold; they differ only in ${tensors} other ${tensors === 1 ? 'tensor' : 'tensors'}`,
  seeDiff: 'sdtool diff shows where two models differ; --algo locon covers more layers.',
})
