import type { AnyOperation, OperationFamily } from '../operation.ts'
import { convertFile } from './file.ts'
import { convertNames } from './names.ts'
import { type ConvertOptions, convertOptions } from './options.ts'
import { convertPart } from './part.ts'
import { convertSingle } from './single.ts'

export const convert: OperationFamily<ConvertOptions> = {
  verb: 'convert',
  schema: convertOptions,
  choose({ to }): AnyOperation {
    if (to === 'single') return convertSingle
    if (to === 'native' || to === 'comfyui') return convertNames
    return to === 'diffusers' ? convertPart : convertFile
  },
}
