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
import { messages } from './messages.ts'

export const extractEmbeddingsCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 extract embeddings lora.safetensors', messages.embeddingsExample],
      ['$0 extract embeddings tuned.safetensors --base model.safetensors', messages.embeddingsExampleBase],
      ['$0 extract embeddings card.png --format pt', messages.embeddingsExampleCard],
      [
        '$0 extract embeddings model --prompt "bad hands, extra fingers" --name neg',
        messages.embeddingsExamplePrompt,
      ],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: messages.embeddingsFile })
      .option('base', { type: 'string', nargs: 1, describe: messages.embeddingsBase })
      .option('prompt', { type: 'string', nargs: 1, describe: messages.prompt })
      .option('name', { type: 'string', nargs: 1, describe: messages.name })
      .option('each', { type: 'boolean', describe: messages.each })
      .option('only', { type: 'string', nargs: 1, describe: messages.only })
      .option('format', { choices: EMBEDDING_FORMATS, describe: messages.format }),
  run: runExtractEmbeddings,
}

async function runExtractEmbeddings(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0) {
    throw usage(messages.oneFile, messages.embeddingsHint)
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
