import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  exampleEmbeddings: 'Negative embeddings',
  exampleLoras: 'The most downloaded LoRAs for SDXL',
  exampleJson: 'For a program',
  wordsArgument: 'Words of the name or description',
  typeOption: (types: string) => `${types}. Repeatable`,
  baseOption: (bases: string) =>
    `${bases}: all that the site has of the family; or one as the site spells it ("SDXL Turbo"). Repeatable`,
  tagOption: 'Only models with this tag',
  userOption: 'Only models by this creator',
  sortOption: "Order (default: the site's)",
  periodOption: 'Period over which the order is counted',
  limitOption: 'Number of models to show',
  cursorOption: 'Continue where an earlier list ended',
  nsfwOption: 'Include models that are not safe for work',
  limitRange: (most: number) => `--limit must be a whole number from 1 to ${most}`,
  unknownName: (option: 'type' | 'base', name: string) => {
    const kind = option === 'type' ? 'type of models' : 'base model'
    return `--${option} ${quoted(name)}: the site has no such ${kind}`
  },
  nearestNames: (names: string) => `Nearest: ${names}.`,
  seeHelp: 'See sdtool search --help for the words it takes.',
  nothingFound: 'nothing was found',
  nothingFoundTryNsfw: 'nothing was found; --nsfw includes more',
  moreWith: (cursor: string) => `more with --cursor ${cursor}`,

  idColumn: 'id',
  nameColumn: 'name',
  typeColumn: 'type',
  baseColumn: 'base',
  sizeColumn: 'size',
  downloadsColumn: 'downloads',
  ratingColumn: 'rating',
  triggerWordsColumn: 'trigger words',
})
