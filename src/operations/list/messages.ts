import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  unknownFamily: (word: string) => `--base ${quoted(word)}: sdtool knows no such family of models`,
  nearestFamilies: (names: string) =>
    names === '' ? 'See sdtool list --help for the words it takes.' : `Nearest: ${names}.`,
})
