import { catalogue } from '../system/language.ts'

export const messages = catalogue({
  noTensor: (file: string, name: string) => `${file} has no tensor ${name}`,
  openingModels: 'opening models',
  renderingPictures: 'rendering',
  badOption: (name: string, problem: string) => `option ${name}: ${problem}`,
  noSuchOption: (verb: string) => `${verb} has no such option`,
  optionsHint: 'See docs/recipe.md for the options of each operation.',
  noSuchVerb: (verb: string) => `there is no operation ${verb}`,
  verbsHint: 'Take one of `operations`.',
  noInputs: (verb: string) => `${verb}: no input was named`,
  noInputsHint: 'Name the paths of the inputs in `inputs`.',
  notInRange: (value: string, least: number, most: number) =>
    `${value} is not a number from ${least} to ${most}`,
  notWhole: (value: string, least: number, most: number) =>
    `${value} is not a whole number from ${least} to ${most}`,
  unknownName: (value: string, names: string) => `${value} is unknown; there are ${names}`,
  badSize: (size: string, multiple: number, least: number, most: number) =>
    `${size}: both sides must be multiples of ${multiple} from ${least} to ${most}`,
})
