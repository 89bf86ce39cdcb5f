import { identifyFile, type OpenFile, openModelFile } from '../library/session.ts'
import { refuse } from '../system/errors.ts'
import { quoted } from '../system/text.ts'
import { readValues } from '../tensor/values/expr.ts'
import { environmentFor } from './environment.ts'
import { messages } from './messages.ts'
import type { CallOptions, OpenModel } from './types.ts'

/**
 * Opens a model file of any format and says what it is. Only headers are read, and a few tiny tensors.
 * @param path of a model file; pickles are read without running them
 * @throws SdtoolError: what is wrong with the file (exit 3), ENOENT (exit 1)
 */
export async function openModel(path: string, options: CallOptions = {}): Promise<OpenModel> {
  const opened = await openModelFile(path, environmentFor(options))
  try {
    return openModelOf(path, opened, await identifyFile(path, opened))
  } catch (error) {
    await opened.close()
    throw error
  }
}

function openModelOf(
  name: string,
  { model, read, close }: OpenFile,
  identity: OpenModel['identity'],
): OpenModel {
  let closed: Promise<void> | undefined
  const closeOnce = (): Promise<void> => {
    closed ??= close()
    return closed
  }
  return {
    name,
    file: model,
    identity,
    async read(key) {
      const tensor = model.tensors.get(key)
      if (tensor === undefined) throw refuse('TENSOR_NOT_FOUND', messages.noTensor(name, quoted(key)))
      return readValues(tensor, read)
    },
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  }
}
