import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { namedFiles } from '../shared/options.ts'
import { messages } from './messages.ts'

/** The one model of a command line. @throws USAGE (exit 2) */
export function modelName(args: Arguments): string {
  const [model, ...others] = [args.model, ...namedFiles(args)]
    .filter((name) => name !== undefined)
    .map(String)
  if (model === undefined || model === '') throw usage(messages.noModel, messages.giveCheckpoint)
  if (others.length > 0)
    throw usage(messages.severalModels(model, others.join(', ')), messages.oneAfterAnother)
  return model
}
