import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'
import { counted } from '../finding.ts'

export const messages = catalogue({
  crossAttentionKeysTake: (widths: string) => `attn2.to_k and to_v take ${widths} inputs`,
  crossAttentionTakes: (widths: string) => `cross attention takes ${widths} inputs`,
  allModulesFit: (titles: readonly string[]) =>
    titles.length === 1 ? `all modules fit only ${titles[0]}` : `all modules fit ${titles.join(' and ')}`,
  rankClaim: (claimed: string, lowest: number, highest: number) =>
    lowest === highest
      ? `the metadata says rank ${claimed}, the shapes have ${lowest}`
      : `the metadata says rank ${claimed}, the shapes have ${lowest} to ${highest}`,
  notNumbers: (name: string, role: string, limit: number, count: number, dtype: string) =>
    limit === 1
      ? `${name}: ${role} must be one number, not ${count} of ${dtype}`
      : `${name}: ${role} must be at most ${limit} numbers, not ${count} of ${dtype}`,
  wrongInputCount: (role: string, count: number, expected: number) =>
    `its ${role} has ${count} values, but the weight has ${expected} inputs`,
  wrongOutputCount: (role: string, count: number, expected: number) =>
    `its ${role} has ${count} values, but the weight has ${expected} outputs`,
  wrongElementCount: (role: string, count: number, expected: number) =>
    `its ${role} has ${count} values, but the weight has ${expected} elements`,
  blocksNamed: (block: string) => `blocks named ${block}`,
  layersOf: (modules: number, titles: readonly string[]) =>
    modules === 1
      ? `1 module has the name and shape of a layer of ${titles.join(', ')}`
      : `${modules} modules have names and shapes of layers of ${titles.join(', ')}`,
  languageModel: 'layers of a language model, which several families have',
  encoderWidth: (prefix: string, width: number) => `${prefix} has width ${width}`,
  numberedEncoder: (modules: number, width: number) =>
    `${modules} text encoder layers of width ${width}, numbered as cloneofsimo/lora does`,
  sharedBySd1AndSdxl: 'which SD 1.x and SDXL share',
  blocksNotSquare: 'its blocks are not square',
  notAButterfly: (blocks: number, size: number, stages: number) =>
    `${blocks} blocks of ${size} rows are not a butterfly of ${stages} stages`,
  unknownOrder:
    'its modules are numbered, not named, and their shapes do not fit any order in which cloneofsimo/lora is known to number the layers of SD 1.x or 2.x',
  doraMagnitudes: (shape: readonly number[]) =>
    `its DoRA magnitudes [${shape}] are neither one per output nor one per input`,
  incompleteModules: (names: readonly string[], name: string, roles: readonly string[]) =>
    `tensors are missing from ${counted(names, 'module')}; ${quoted(name)} has only ${roles.join(', ')}`,
  misshapenModules: (names: readonly string[], problem: string) =>
    `${counted(names, 'module')} with shapes that do not fit: ${problem}`,
  doubledPrefix: (doubled: readonly string[]) =>
    `${counted(doubled, 'module')} with a doubled prefix; programs will not find their target`,
  wrappedNames: (modules: number, title: string) =>
    `${modules} module names contain what ${title} adds; it is removed`,
  surplusTensors: (surplus: readonly string[]) =>
    `${counted(surplus, 'tensor')} that the algorithm of the module does not use`,
  strayKeys: (strays: readonly string[]) => `${counted(strays, 'key')} that do not belong to any module`,
  unknownModules: (names: readonly string[], base: string | undefined) =>
    `${counted(names, 'module')} with names that do not exist in ${base ?? 'the base model'}`,
  brokenNames: (names: readonly string[]) =>
    `it is a LoRA with broken names: ${counted(names, 'module')} named like layers of a UNet, which no UNet has`,
  foreignNames: (names: readonly string[]) =>
    `${counted(names, 'module')} with names of no network that sdtool knows: merge-lora finds their layers in a model that calls them so`,
  mixedBase: (contradiction: string) => `modules for different base models in one file: ${contradiction}`,
  baseMismatch: (claimed: string, claimedBy: string | undefined, actual: string | undefined) =>
    `the metadata says ${claimed} (${claimedBy}), the shapes are those of ${actual}`,
  claimUnfounded: (claimed: string, claimedBy: string | undefined) =>
    `the metadata says ${claimed} (${claimedBy}), but none of its layers has the name of a module`,
  mixedNames: (styles: string) => `modules are named in more than one way: ${styles}`,
  carriesEmbeddings: (embeddings: readonly string[]) => `contains ${counted(embeddings, 'embedding')}`,
  oldOft: (source: string) =>
    `${source} is from PEFT before 0.18, which summed its rotations differently: it is applied as PEFT does now`,
  alphaUnknown:
    'PEFT wrote this file without an alpha, and there is no adapter_config.json next to it: scale 1 is assumed, which is wrong unless alpha equals the rank',
  alphaOnlyClaimed: (claim: string) =>
    `the metadata says network alpha ${quoted(claim)}, but no tensor stores it: scale 1 is used, as in every program`,
  alphaNotFinite: (modules: number) =>
    `alpha of ${modules} modules is not a finite number: they would ruin the weights they change`,
  alphaZero: (modules: number) => `alpha of ${modules} modules is 0: they change nothing`,
  alphaOdd: (odd: readonly string[]) => `${counted(odd, 'alpha')} that are not a single plain number`,
  gloraInputs: (
    first: string,
    last: string,
    from: number | undefined,
    to: number | undefined,
    inputs: number,
  ) => `its ${first} and ${last} are for ${from} and ${to} inputs, but the weight has ${inputs}`,
  gloraRanks: 'the ranks of a1, a2, b1 and b2 differ',
  gloraCore: (core: readonly number[], rank: number | undefined) => `its bm joins ranks ${core}, not ${rank}`,
  weightNotVector: 'its weight is not a vector',
  halfTucker: 'only one of hada_t1 and hada_t2 is present',
  differentTargets: 'its two factors are for weights of different shapes',
  differentRanks: 'the ranks of its factors differ',
  notAMatrix: (role: string) => `its ${role} is not a matrix`,
  twoRanks: (a: string, rankA: number | undefined, b: string, rankB: number | undefined) =>
    `${a} has rank ${rankA}, ${b} has rank ${rankB}`,
  upNotAMatrix: 'its up factor is not a matrix',
  midRanks: (midUp: number | undefined, midDown: number | undefined, up: number, down: number | undefined) =>
    `lora_mid joins ranks ${midUp} and ${midDown}, but up and down have ${up} and ${down}`,
  upDownRanks: (up: number, down: number | undefined) => `up has rank ${up}, down has rank ${down}`,
  sparseShape: (size: readonly number[], shape: readonly number[]) =>
    `its sparse residual is for a weight of [${size}], not [${shape}]`,
  sparseParts: 'indices, values and size of its sparse residual do not match',
  notFinite: (name: string, value: number) => `${name}: ${value} is not a finite number`,
  damaged: 'The file is damaged.',
  rectangularBlocks: (rows: number | undefined, columns: number | undefined) =>
    `its blocks are ${rows} x ${columns}, not square`,
  otherWeightShape: (shape: readonly number[], wanted: readonly number[]) =>
    `it needs the weight [${shape}] to be [${wanted}]`,
  emptyPart: (role: string) => `its ${role} is empty`,
  partNotNumbers: (role: string, dtype: string) => `its ${role} is ${dtype}, which cannot be read as numbers`,
  shapesDoNotFit: 'the shapes of its tensors do not fit together',
  otherOutputs: (own: number | undefined, rows: number) => `it is for ${own} outputs, the weight has ${rows}`,
  otherInputs: (own: number | undefined, columns: number) =>
    `it is for ${own} inputs, the weight has ${columns}`,
  otherBias: (role: string, own: number | undefined, count: number) =>
    `its ${role} has ${own} values, the bias has ${count}`,
  ia3Ambiguous: (count: number | undefined) =>
    `it is for ${count} inputs or outputs, and only adapter_config.json says which (feedforward_modules)`,
  ia3Inputs: (count: number | undefined, inputs: number) =>
    `its ia3_l has ${count} values, but the weight has ${inputs} inputs`,
  ia3Outputs: (count: number | undefined, rows: number) =>
    `its ia3_l has ${count} values, but the weight has ${rows} outputs`,
  ia3NotVector: 'its ia3_l is not a vector',
  notTriangles: (shape: readonly number[] | undefined) =>
    `oft_R [${shape}] does not contain triangles of square blocks`,
  rotationUnknown: 'nothing says how its values become a rotation',
  oftInputs: (blocks: number, size: number, columns: number) =>
    `its ${blocks} blocks of ${size} are not for ${columns} inputs`,
  oftNeedsConfig: (name: string, title: string) =>
    `${quoted(name)} is ${title}, and how its values become a rotation is only said in an adapter_config.json, which is not next to the file`,
})
