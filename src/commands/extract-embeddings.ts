import { basename } from 'node:path'
import { aboutFile, EXIT, type ExitCode, refuse, SdtoolError, usage } from '../errors.ts'
import { type ModelFolders, resolveModel } from '../library/resolve.ts'
import { type Interruptible, identifyFile, type OpenedModel, withModels } from '../library/session.ts'
import { baseById } from '../model/adapters/base.ts'
import { describeEmbedding } from '../model/embeddings.ts'
import { safetensorsEmbedding, torchEmbedding, torchRoot } from '../model/extract/embedding-layout.ts'
import {
  addedTokens,
  bundledEmbeddings,
  changedTokens,
  type FoundEmbedding,
  ownEmbeddings,
  promptEmbedding,
  tokensInAdapter,
  tokenTables,
  vectorsOf,
} from '../model/extract/embeddings.ts'
import type { Identity } from '../model/identity.ts'
import { stemOf } from '../model/output-name.ts'
import { plural } from '../report/text.ts'
import { parseAttention } from '../runtime/text/attention.ts'
import { composedPrompts } from '../runtime/text/composition.ts'
import { splitTags, withoutComments } from '../runtime/text/tags.ts'
import { clipTokenizer } from '../runtime/text/tokenizer.ts'
import type { Io } from '../system/world.ts'
import { newEvaluation } from '../tensor/expr.ts'
import { torchZip } from '../tensor/formats/torch-zip-write.ts'
import { checkOperation } from '../tensor/quantised/check.ts'
import type { Arguments, Command } from './command.ts'
import { type Found, pictureAt } from './embedding-picture.ts'
import { type ExtractedFile, writeExtracted } from './extracted-files.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { filledText, flag, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'

const FORMATS = ['safetensors', 'pt'] as const
type EmbeddingFormat = (typeof FORMATS)[number]

export const extractEmbeddingsCommand: Command = {
  positionals: '[files..]',
  examples: [
    [
      '$0 extract embeddings lora.safetensors',
      'Those bundled in a LoRA or checkpoint, and tokens trained into it',
    ],
    [
      '$0 extract embeddings tuned.safetensors --base model.safetensors',
      'Words whose vectors are not those of the base',
    ],
    ['$0 extract embeddings card.png --format pt', 'What A1111 hides in a picture, a PNG or a lossless WebP'],
    [
      '$0 extract embeddings model --prompt "bad hands, extra fingers" --name neg',
      'Write neg.safetensors: one word that stands for a whole prompt',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'Checkpoint, LoRA, embedding or picture',
      })
      .option('base', { type: 'string', nargs: 1, describe: 'Model whose words have their first vectors' })
      .option('prompt', {
        type: 'string',
        nargs: 1,
        describe: 'Make an embedding of these words, with the vectors of the model',
      })
      .option('name', { type: 'string', nargs: 1, describe: 'Name of the embedding, and of its file' })
      .option('each', {
        type: 'boolean',
        describe: 'A file for each token of the table, not for each run of them',
      })
      .option('only', {
        type: 'string',
        nargs: 1,
        describe: 'Only this one of several: its name, or its number in the list',
      })
      .option('format', { choices: FORMATS, describe: 'safetensors, or the .pt of A1111' }),
  run: runExtractEmbeddings,
  replay(options, [file, base]) {
    const again = recipeArguments(options, {
      prompt: 'text',
      name: 'text',
      format: 'text',
      each: 'flag',
      only: 'number',
    })
    return { files: [file], ...(base === undefined ? {} : { base }), ...again }
  },
}

async function runExtractEmbeddings(args: Arguments, io: Io): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0) {
    throw usage('name one file', 'For example: sdtool extract embeddings lora.safetensors.')
  }
  checkOptions(args)
  const output = outputOptions(args)
  const format = (filledText(args, 'format') ?? formatByName(output.output)) as EmbeddingFormat
  const folders = modelFolders(args, io)
  const path = await resolveModel(name, 'any', folders)
  const use = async ({ embeddings, models, title }: Found): Promise<void> => {
    if (embeddings.length === 0) throw aboutFile(path, noEmbeddings(args))
    const named = namedOnce(embeddings, filledText(args, 'name')).map((one, i) => {
      return { ...fileOf(one, format), recipeOptions: embeddings.length > 1 ? { only: i + 1 } : {} }
    })
    const files = chosen(named, filledText(args, 'only'))
    const recipeOptions = {
      prompt: filledText(args, 'prompt'),
      name: filledText(args, 'name'),
      format,
      each: flag(args, 'each') || undefined,
    }
    const endings = format === 'pt' ? ['.pt'] : undefined
    const extracting = {
      verb: 'extract embeddings',
      models,
      title,
      recipeOptions,
      ...(endings && { endings }),
    }
    await writeExtracted(path, files, extracting, output, io)
  }
  const picture = await pictureAt(path)
  if (picture !== undefined) await use(picture)
  else await withFound(path, args, folders, io, use)
  return EXIT.ok
}

function formatByName(output: string | undefined): EmbeddingFormat {
  return output?.toLowerCase().endsWith('.pt') ? 'pt' : 'safetensors'
}

/** @throws USAGE */
function checkOptions(args: Arguments): void {
  const [prompt, base] = [filledText(args, 'prompt'), filledText(args, 'base')]
  if (prompt !== undefined && filledText(args, 'name') === undefined) {
    throw usage('--prompt needs a --name', 'The name is the word that will stand for the prompt: --name neg.')
  }
  if (prompt !== undefined && base !== undefined) throw usage('--prompt and --base do not go together')
}

async function withFound(
  path: string,
  args: Arguments,
  folders: ModelFolders,
  io: Interruptible,
  use: (found: Found) => Promise<void>,
): Promise<void> {
  const base = filledText(args, 'base')
  const paths = base === undefined ? [path] : [path, await resolveModel(base, 'checkpoint', folders)]
  await withModels(paths, io, async (opened) => {
    const identities = await Promise.all(opened.map((one, i) => identifyFile(paths[i]!, one)))
    const embeddings = await embeddingsIn(path, opened, identities, args).catch((error: unknown) => {
      throw aboutFile(path, error)
    })
    await use({ embeddings, models: opened.map(({ model }) => model), title: identities[0]!.title })
  })
}

async function embeddingsIn(
  path: string,
  [opened, base]: readonly OpenedModel[],
  [identity, baseIdentity]: readonly Identity[],
  args: Arguments,
): Promise<FoundEmbedding[]> {
  const { model, read } = opened!
  const stem = stemOf(basename(path))
  const tables = tokenTables(model, identity!)
  const prompt = filledText(args, 'prompt')
  if (prompt !== undefined && tables.length === 0)
    checkOperation('embeddings', model.tensors.values(), 'the file')
  if (prompt !== undefined) return [promptEmbedding(tables, tokensOf(prompt), filledText(args, 'name')!)]
  const { embedding } = identity!
  if (embedding !== undefined && embedding.layout !== 'bundle') return ownEmbeddings(model, embedding, stem)
  const each = flag(args, 'each')
  const changed =
    base === undefined
      ? []
      : await changedTokens(tables, tokenTables(base.model, baseIdentity!), stem, each, newEvaluation(read))
  const trained = identity!.adapter === undefined ? [] : tokensInAdapter(model)
  return [...bundledEmbeddings(model), ...trained, ...addedTokens(tables, stem, each), ...changed]
}

/**
 * Without the comments of the prompt. @throws PROMPT_WEIGHTS: what weights, AND and tags do is done elsewhere than in the
 * tokens, and no vector says it
 */
function tokensOf(whole: string): number[] {
  const prompt = withoutComments(whole)
  const [tag] = splitTags(prompt).tags
  if (tag !== undefined || composedPrompts(prompt).length > 1) {
    const what = tag?.text ?? 'AND'
    throw refuse('PROMPT_WEIGHTS', `${what} cannot be part of an embedding`, 'Leave it out.')
  }
  const weighted = parseAttention(prompt).some((part) => part === 'BREAK' || part.weight !== 1)
  if (weighted) {
    throw refuse(
      'PROMPT_WEIGHTS',
      'weights and BREAK cannot be part of an embedding',
      'Leave them out, and weight the word where it is used: (neg:1.2).',
    )
  }
  return clipTokenizer().encode(prompt)
}

function noEmbeddings(args: Arguments): SdtoolError {
  const base =
    filledText(args, 'base') === undefined
      ? ' With --base, words whose vectors were changed are found, too.'
      : ''
  return new SdtoolError('NO_EMBEDDINGS', 'there is no embedding in it', {
    exitCode: EXIT.unverified,
    hint: `Looked for bundled embeddings and for tokens behind CLIP's own.${base}`,
  })
}

/** Characters that file systems, or the prompt, would not take. */
const UNFIT = /[\\/:*?"<>|\p{Cc}\p{Cf}]|^\.+/gu

/** Every embedding under a name that can be a file's, no two under the same. */
function namedOnce(embeddings: readonly FoundEmbedding[], wanted: string | undefined): FoundEmbedding[] {
  const taken = new Map<string, number>()
  return embeddings.map((embedding) => {
    const plain = (wanted ?? embedding.name).replace(UNFIT, '_').trim() || 'embedding'
    const count = (taken.get(plain) ?? 0) + 1
    taken.set(plain, count)
    return { ...embedding, name: count === 1 ? plain : `${plain}-${count}` }
  })
}

/** @throws USAGE */
function chosen<T extends ExtractedFile>(files: readonly T[], only: string | undefined): readonly T[] {
  if (only === undefined) return files
  const found =
    files.find(({ facts }) => facts.name === only) ??
    (/^\d+$/.test(only) ? files[Number(only) - 1] : undefined)
  if (found !== undefined) return [found]
  const names = files.map(({ facts }, i) => `${i + 1} ${facts.name}`).join(', ')
  throw usage(`--only ${only}: there is no such embedding`, `There are: ${names}.`)
}

function fileOf(embedding: FoundEmbedding, format: EmbeddingFormat): ExtractedFile {
  const { name, parts, from } = embedding
  const isTorch = format === 'pt'
  const widths = [...parts].map(([role, { shape }]) =>
    role === 'single' ? `${shape[1]}` : `${role} ${shape[1]}`,
  )
  const table = isTorch ? torchEmbedding(embedding) : safetensorsEmbedding(embedding)
  const info = describeEmbedding(table)
  const family = info?.architecture && baseById(info.architecture).modelspec
  return {
    fileName: `${name}.${isTorch ? 'pt' : 'safetensors'}`,
    table,
    ...(isTorch && { container: torchZip(torchRoot(embedding)) }),
    what: `${name}: ${plural(vectorsOf(embedding), 'vector')} of ${widths.join(', ')}, from ${from}`,
    facts: { name, vectors: vectorsOf(embedding), from },
    findings: info?.findings ?? [],
    ...(family === undefined ? {} : { architecture: `${family}/textual-inversion` }),
  }
}
