import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  lacksTensor: (title: string, name: string) => `the ${title} lacks ${quoted(name)}, so it cannot be run`,
  otherShape: (title: string, name: string, actual: readonly number[], expected: readonly number[]) =>
    `the ${title} has ${quoted(name)} as [${actual}] instead of [${expected}], so it cannot be run`,
  inspectShows: 'sdtool inspect shows everything that is wrong with it.',
  theComponent: (title: string) => `the ${title}`,
  notANetwork: (title: string) => `the blocks of the ${title} do not form a network that can be run`,
  unusableType: (name: string, dtype: string) =>
    `${quoted(name)} is ${dtype}: weights of this type cannot be used for rendering`,
  useOriginal: 'Use the file that this one was quantised from.',
})
