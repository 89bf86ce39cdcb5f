/** Texts of merging checkpoints: what may be merged, what is made of each tensor, what the result is like. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

function models(count: number): string {
  return `${count} ${count === 1 ? 'model' : 'models'}`
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

export const messages = catalogue({
  listDoesNotFit: (numbers: number, architecture: string) =>
    `a list of ${numbers} block weights does not fit ${architecture}`,
  listDoesNotFitUnknown: (numbers: number) =>
    `a list of ${numbers} block weights is for UNets, and does not fit an unknown architecture`,
  listLengths:
    'SD 1.x and 2.x take 25 or 26 (with BASE), SDXL 19, 20 (with BASE) or 21 (BASE and VAE); or name blocks: --blocks IN04=0.5,OUT*=0.',
  wrongListLength: (where: string, numbers: number) => `${where} has ${numbers} numbers`,
  anyListLength:
    'A list has 25 or 26 numbers, for SDXL 19, 20 or 21; to name single blocks: --blocks IN04=0.5,OUT*=0.',
  notKeyWeight: (text: string) => `--keys: ${quoted(text)} is not a key weight`,
  writeKeyWeight: 'Write "*attn2.to_k*=0.2".',

  noSuchNumber: (method: string, number: string) => `${method} does not take ${number}`,
  densityRange: (density: number) => `--density ${density}: the density must be above 0 and at most 1`,
  seedRange: (seed: number) => `--seed ${seed}: a seed is a whole number from 0 to 4294967295`,
  alphaCount: (method: string, count: number, takes: number, given: number) =>
    `${method} of ${models(count)} takes ${takes} ${takes === 1 ? 'alpha' : 'alphas'}; ${given} ${given === 1 ? 'was' : 'were'} given`,
  oneAlphaEach: 'One for each model after the first: --alpha 0.3,0.2.',
  needsExactly: (method: string, count: number, given: number) =>
    `${method} needs ${models(count)}; ${given} ${given === 1 ? 'was' : 'were'} named`,
  needsAtLeast: (method: string, count: number, given: number) =>
    `${method} needs ${count} or more models; ${given} ${given === 1 ? 'was' : 'were'} named`,
  formula: (method: string, formula: string) => `${method}: ${formula}`,
  blocksNeedOneAlpha: 'weights of blocks and keys work only with methods that take one alpha',
  mergeTwo: 'Merge two models at a time.',
  patternUnused: (option: string) => `no merged key matches ${option}`,
  starHint: '* stands for any text.',
  comparing: 'comparing the models, tensors',

  notMergeable: (name: string, title: string) => `${name} is not a model that can be merged: ${title}`,
  useMergeLora:
    'LoRAs are added to each other with sdtool lora merge, and to the weights of a model with sdtool merge-lora.',
  embeddingsStand:
    'Embeddings are words, which do not blend; sdtool extract embeddings and convert take them in and out of files.',
  weightsOnly: 'Only weights of networks can be merged.',
  pickledObjects: (name: string) =>
    `${name} is a pickle of objects, not of weights by their names: what its tensors are is in programs that made it`,
  mixedLatents: (
    [first, firstSpace]: readonly [name: string, space: string],
    [other, otherSpace, letter]: readonly [name: string, space: string, letter: string],
  ) =>
    `${first} (A) is for the latents of ${firstSpace}, ${other} (${letter}) for those of ${otherSpace}: a blend of them decodes neither`,
  otherLatents: (
    [first, firstSpace]: readonly [name: string, space: string],
    [other, otherSpace]: readonly [name: string, space: string],
  ) =>
    `by their names, ${first} is for the latents of ${firstSpace}, ${other} for those of ${otherSpace}; a blend of such VAEs decodes neither`,
  onlyNamesAndShapes:
    'no known architecture: names and shapes of the blended tensors are equal, nothing else was checked',
  wholeNumbers: (
    tensor: string,
    dtype: string,
    [letter, otherDtype]: readonly [letter: string, dtype: string],
  ) =>
    dtype === otherDtype
      ? `${quoted(tensor)} is ${dtype} and differs between A and ${letter}: whole numbers do not blend`
      : `${quoted(tensor)} is ${dtype} in A, ${otherDtype} in ${letter}: they do not blend`,
  maybeCodes:
    'They may be codes of a quantised format that sdtool does not know; merge the models it was made from.',
  mixedArchitectures: (
    [first, firstTitle]: readonly [name: string, title: string],
    [other, otherTitle, letter]: readonly [name: string, title: string, letter: string],
  ) => `${first} (A) is ${firstTitle}, ${other} (${letter}) is ${otherTitle}: their weights are unrelated`,
  withLetter: (name: string, letter: string) => `${name} (${letter})`,
  mixedPredictions: (first: string, other: string) => `${first}, ${other}: a blend of them predicts neither`,
  otherExperts: (first: string, firstTitle: string, other: string, otherTitle: string) =>
    `${first} (A) is ${firstTitle}, ${other} ${otherTitle}: programs use both of the pair, each for its own part of the steps, and a blend is neither`,
  mixedSchedules: (other: string, declared: string) => `${other}; the merge declares ${declared}`,
  mixedPredictionsAllowed: (why: string) => `${why}; the merge declares the prediction of A`,
  foreignPrediction: ([name, letter]: readonly [name: string, letter: string], first: string) =>
    `the UNet would be that of ${name} (${letter}) alone, and the file would declare the prediction of ${first} (A), which is another one`,
  nameUnetFirst: (unet: string, text: string) =>
    `Name the model of the UNet first: sdtool merge ${quoted(unet)} ${quoted(text)} --only text --alpha 1.`,
  allowMixed: '--allow-mixed merges them anyway.',
  lacksComponent: (name: string, letter: string, component: string) =>
    `${name} (${letter}) has no ${component}`,
  lacksTensors: (name: string, letter: string, tensors: readonly string[], component: string) =>
    `${name} (${letter}) lacks ${counted(tensors, 'tensor')} of the ${component}`,
  allowMissing: '--allow-missing keeps what A has there.',
  onlyOrAllowMissing: (half: string) =>
    `--only ${half} merges the other half; --allow-missing keeps what A has there.`,
  hasSurplus: (name: string, letter: string, tensors: readonly string[], component: string) =>
    `${name} (${letter}) has ${counted(tensors, 'tensor')} of the ${component} that A lacks`,
  nameFirstOrLeaveOut: 'Name it first, or leave them out with --allow-missing.',
  withoutCounterpart: (name: string, letter: string, tensors: readonly string[], component: string) =>
    `${name} (${letter}): ${counted(tensors, 'tensor')} of the ${component} without a counterpart`,
  misfit: (
    tensor: string,
    [name, letter, shape]: readonly [name: string, letter: string, shape: readonly number[]],
    wanted: readonly number[],
  ) => `${quoted(tensor)} is ${shapeText(shape)} in ${name} (${letter}), ${shapeText(wanted)} in A`,
  widerFirst: 'The inpainting or instruct-pix2pix model has to be A, the first one.',
  noFloat: (tensor: string, dtype: string) => `${tensor} is ${dtype}; name a type: --dtype fp16`,
  wouldBeCopy: (method: string, name: string) => `${method} with these numbers makes a copy of ${name}`,

  fromA: 'taken from A',
  markersOf: (letter: string) => `${letter} says what all of them predict`,
  alphaKeepsA: 'alpha leaves it as it is in A',
  alphaTakes: (letter: string) => `alpha takes all of ${letter}`,
  blended: (method: string, count: number) => `${method} of ${models(count)}`,
  channels: (tensor: string, merged: number, all: number) =>
    `${tensor}: the first ${merged} of ${all} input channels are merged, the others are those of A`,
  emaDropped: (title: string) =>
    `the ${title} would no longer match the merged weights and is left out; to merge its values, run sdtool prune first`,
  unknownVae: '--vae names a model that is not there',
  vaeOf: (letter: string) => `the VAE of ${letter}`,
  vaeFrom: (file: string) => `from ${file}`,
  noVae: (letter: string) =>
    `A has no VAE, and so the merge has none; --vae ${letter.toLowerCase()} takes that of ${letter}`,

  sameTensors: (tensors: readonly string[]) =>
    `${counted(tensors, 'tensor')} ${tensors.length === 1 ? 'is' : 'are'} the same as in A: the models agree there`,
  vanished: (tensors: readonly string[]) =>
    `the change of ${counted(tensors, 'tensor')} vanishes when it is rounded; a wider type (--dtype) keeps it`,
  notFinite: (tensor: string) => `${quoted(tensor)} would have values that are not finite`,
  nothingChanged: 'nothing changed: every weight is the same as in A',
  maybeSame: 'The models may be the same, or alpha too small for the type that is written.',
})
