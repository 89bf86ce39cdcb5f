import { catalogue } from '../system/language.ts'
import { quoted } from '../system/text.ts'
import { counted } from './finding.ts'

export const messages = catalogue({
  component: (title: string) => `the ${title}`,
  noComponent: (selector: string) => `the file has no component ${quoted(selector)}`,
  componentsAre: (ids: readonly string[]) => `It has: ${ids.join(', ')}.`,
  sameLayer: 'another module of the file changes the same layer',
  misshapenModules: (file: string, names: readonly string[], fault: string) =>
    `${file}: ${counted(names, 'module')} cannot be used for calculations: ${fault}`,
  damagedLora: 'The file is damaged; sdtool lora check lists what is wrong.',
  metadataTooLarge: (bytes: number, limit: number) =>
    `the metadata has ${bytes} bytes, the limit is ${limit}`,
  removeLargest: 'Remove the largest values first; `sdtool inspect --metadata` shows them.',
})
