import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  comparedAsBytes: (count: number, formats: readonly string[]) =>
    `${count === 1 ? '1 tensor' : `${count} tensors`} of weights in ${formats.join(' and ')} differ byte for byte: how much is not known until they are decoded`,
  brokenValues: (side: 'a' | 'b', values: number, tensors: number, first: string) =>
    `${side} has ${values} NaN or infinite ${values === 1 ? 'value' : 'values'} in ${tensors} ${tensors === 1 ? 'tensor' : 'tensors'}, first ${quoted(first)}; they are left out of the norms`,
  tensorsMissing: (removed: number, tensors: number) => `${removed} of its ${tensors} tensors are missing`,
  notApplied: 'it equals the base: the recipe was not applied to it',
  shouldBeBase: (distance: string) => `it should equal the base, but is different (${distance} apart)`,
  otherStrength: (factor: number) => `it changed ${factor} times as much as the recipe says`,
  otherWeights: (distance: string) => `its weights are ${distance} apart from those of the recipe`,
  differentKinds: (a: string, b: string) => `the files are of different kinds: a is ${a}, b is ${b}`,
  differentArchitectures: (a: string, b: string) =>
    `the architectures are different: a is ${a}, b is ${b}; values are compared where names and shapes agree`,
  otherNames:
    'the transformer has other names in b, of another layout, spelling or prefix; it is compared under those of a',
  nothingInCommon: 'the files have no tensor in common, so there are no values to compare',
  onlyOneEma: (side: string) =>
    `only ${side} has an EMA copy of its weights; --ema compares it instead of the live weights`,
})
