import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { namedFiles } from '../shared/options.ts'

/** The one model of a command line. @throws USAGE */
export function modelName(args: Arguments): string {
  const [model, ...others] = [args.model, ...namedFiles(args)]
    .filter((name) => name !== undefined)
    .map(String)
  if (model === undefined || model === '')
    throw usage('no model was named', 'Name a checkpoint: sdtool render model.safetensors')
  if (others.length > 0)
    throw usage(`several models were named: ${model}, ${others.join(', ')}`, 'Draw one after the other.')
  return model
}
