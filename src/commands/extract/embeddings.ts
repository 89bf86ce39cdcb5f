import { resolveModel } from '../../library/resolve.ts'
import {
  chosenEmbeddings,
  extractEmbeddings,
  planEmbeddings,
} from '../../operations/extract-embeddings/extract-embeddings.ts'
import { checkPrompt } from '../../operations/extract-embeddings/find.ts'
import {
  EMBEDDING_FORMATS,
  type ExtractEmbeddingsOptions,
} from '../../operations/extract-embeddings/options.ts'
import type { InputModel, PlanContext } from '../../operations/operation.ts'
import { runEach } from '../../operations/run-each.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, flag, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { printDescribed } from '../shared/transform-report.ts'

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
      .option('format', { choices: EMBEDDING_FORMATS, describe: 'safetensors, or the .pt of A1111' }),
  run: runExtractEmbeddings,
}

async function runExtractEmbeddings(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0) {
    throw usage('name one file', 'For example: sdtool extract embeddings lora.safetensors.')
  }
  const output = outputOptions(args)
  const options = embeddingOptions(args, output.output)
  const base = filledText(args, 'base')
  checkPrompt(options, base !== undefined)
  const folders = modelFolders(args, world)
  const paths = [await resolveModel(name, 'any', folders)]
  if (base !== undefined) paths.push(await resolveModel(base, 'checkpoint', folders))
  const plans = async (inputs: readonly InputModel[], context: PlanContext) =>
    chosenEmbeddings(await planEmbeddings(inputs, options, context), filledText(args, 'only'))
  const outcomes = await runEach({ operation: extractEmbeddings, paths, plans }, output, world)
  printDescribed('extract embeddings', outcomes, output, world)
  return EXIT.ok
}

function embeddingOptions(args: Arguments, output: string | undefined): ExtractEmbeddingsOptions {
  const [prompt, name] = [filledText(args, 'prompt'), filledText(args, 'name')]
  const format = filledText(args, 'format') as EmbeddingFormat | undefined
  return {
    ...defined({ prompt, name }),
    format: format ?? formatByName(output),
    ...(flag(args, 'each') && { each: true }),
  }
}

type EmbeddingFormat = (typeof EMBEDDING_FORMATS)[number]

function formatByName(output: string | undefined): EmbeddingFormat {
  return output?.toLowerCase().endsWith('.pt') ? 'pt' : 'safetensors'
}
