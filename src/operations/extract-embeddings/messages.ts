/** Texts of extracting embeddings: from files, pictures and prompts. */

import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  embedding: (name: string, vectors: number, widths: readonly string[], from: string) =>
    `${name}: ${plural(vectors, 'vector')} of ${widths.join(', ')}, from ${from}`,
  fromBundle: 'bundled',
  fromFile: 'the file',
  fromLora: 'the LoRA',
  fromPrompt: 'the prompt',
  fromState: (state: number, states: number) => `training snapshot ${state} of ${states}`,
  fromRow: (row: number) => `row ${row} of the token table`,
  fromRows: (first: number, last: number) => `rows ${first}-${last} of the token table`,

  noSuchEmbedding: (only: string | number) => `--only ${only}: there is no such embedding`,
  thereAre: (names: readonly string[]) =>
    `There are: ${names.map((name, i) => `${i + 1} ${name}`).join(', ')}.`,
  promptNeedsName: '--prompt needs a --name',
  nameIsWord: 'The name is the word that will stand for the prompt: --name neg.',
  promptAndBase: '--prompt and --base cannot be combined',
  notInEmbedding: (text: string) => `${text} cannot be part of an embedding`,
  leaveItOut: 'Leave it out.',
  weightsInPrompt: 'weights and BREAK cannot be part of an embedding',
  leaveThemOut: 'Leave them out, and weight the word where it is used: (neg:1.2).',
  noEmbeddings: 'the file has no embedding',
  lookedFor: "Looked for bundled embeddings, and for tokens after CLIP's own.",
  lookedForWithoutBase:
    "Looked for bundled embeddings, and for tokens after CLIP's own. With --base, words whose vectors were changed are found, too.",
  tokenTable: 'the token table',
  bundleUnknown: (name: string) =>
    `the bundled embedding ${quoted(name)} has no vectors of a known text encoder`,
  tooManyAdded: (rows: number, limit: number) =>
    `${rows} token vectors come after the vocabulary of CLIP: embeddings have at most ${limit}, so this is another text encoder`,
  tooManyChanged: (rows: number, limit: number) =>
    `${rows} token vectors differ from those of the base: embeddings have at most ${limit}, so this is another text encoder`,
  otherBase: (name: string) => `the base has no table of token vectors like ${quoted(name)}`,
  mixedTypes: (name: string, dtype: string, base: string) =>
    `${quoted(name)} is ${dtype}, in the base it is ${base}`,
  noTokenTable: 'the file has no CLIP text encoder, and so no vectors of words',
  tableNotFloat: (name: string, dtype: string) => `${quoted(name)} is ${dtype}`,
  promptEmpty: 'the prompt has no words',
  promptTooLong: (tokens: number, limit: number) =>
    `the prompt has ${tokens} tokens, an embedding can have ${limit}`,
  makeTwo: 'Make two embeddings of it.',

  cardUndecompressable: 'the embedding in the picture is damaged: its data cannot be decompressed',
  cardTooLarge: 'the embedding in the picture is damaged: it is too large',
  cardNotJson: 'the embedding in the picture is damaged: its data is not a JSON object',
  cardWithoutVectors: 'the embedding in the picture is damaged: it has no vectors (string_to_param)',
  cardNotNumbers: 'the embedding in the picture is damaged: its vectors are not a table of numbers',
  getOriginal: 'Pictures that were scaled or saved as JPEG lose what is in them; get the original PNG.',
  pictureTooLarge: (path: string, bytes: number, limit: number) =>
    `${path}: a picture of ${bytes} bytes, the limit is ${limit}`,
  embeddingInPicture: (format: string) => `embedding in a picture (${format})`,
  pixelsNotKept: (format: string) =>
    `the picture (${format}) has no embedding in its texts, and its format does not keep pixels exactly`,
  getSource:
    'Only PNG and lossless WebP keep an embedding in their pixels. Get the picture it was made from.',
})
