import { planConvert } from '../model/convert.ts'
import { convertedName } from '../model/output-name.ts'
import { changesNothing } from '../model/plan.ts'
import type { Command } from './command.ts'
import { listFiles } from './files.ts'
import { modelFolders, resolveModel, withModelFolders } from './model-folders.ts'
import { DTYPE_LIST, dtypeChoice } from './model-options.ts'
import { list, listOrNothing, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'
import { runTransform } from './transform.ts'

export const convertCommand: Command = {
  positionals: '[files..]',
  examples: [
    ['$0 convert model.ckpt', 'Write model.safetensors beside it; the pickle is read, never run'],
    ['$0 convert model.safetensors --dtype fp16 --dtype vae=fp32', 'Half precision, but the VAE in full'],
    [
      '$0 convert downloads/ -o models/ --verify',
      'Every model file of a folder, each compared after writing',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: 'Model files or folders' })
      .option('dtype', {
        type: 'string',
        describe: `Type of the weights: ${DTYPE_LIST.join(', ')}; for one component: vae=fp32. Repeatable`,
      }),
  replay: (options, files) => ({ files, ...recipeArguments(options, { dtype: 'texts' }) }),
  replan: ([input], args) => planConvert(input!.opened.model, input!.identity, { dtype: dtypeChoice(args) }),
  async run(args, io) {
    const dtype = dtypeChoice(args)
    const folders = modelFolders(args, io)
    const files = await listFiles(namedFiles(args), (name) => resolveModel(name, 'any', folders))
    const transform = {
      verb: 'convert',
      plan: ({ model }, identity) => planConvert(model, identity, { dtype }),
      outputName: convertedName,
      recipeOptions: () => ({ dtype: listOrNothing(list(args, 'dtype')) }),
      isNothing: (plan, model) => model.format === 'safetensors' && changesNothing(plan),
      nothingToDo: 'it is safetensors already, and its weights have the types asked for',
    } satisfies Parameters<typeof runTransform>[1]
    return runTransform(files, transform, outputOptions(args), io)
  },
}
