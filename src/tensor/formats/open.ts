/** Opens any model file by its content; the extension is never looked at. */

import type { ByteSource } from '../../system/bytes.ts'
import { SdtoolError } from '../../system/errors.ts'
import { withQuantisedMarks } from '../quantised/recognise.ts'
import type { FormatId, ModelFile, Tensor } from '../values/table.ts'
import { barePickleFormat, readBarePickle } from './bare-pickle.ts'
import type { Format } from './format.ts'
import { ggufFormat } from './gguf.ts'
import { savedAsText, strangerError, unknownError } from './not-a-model.ts'
import { safetensorsFormat } from './safetensors.ts'
import { UnsafePickleError } from './security.ts'
import { readTorchLegacy, torchLegacyFormat } from './torch-legacy.ts'
import { allTensors, type PickledObject } from './torch-objects.ts'
import { readTorchZip, torchZipFormat } from './torch-zip.ts'

/** All containers, in the order they are tried. Bare pickles come last: the old ones have no mark of their own. */
export const FORMATS: readonly Format[] = [
  torchZipFormat,
  safetensorsFormat,
  torchLegacyFormat,
  ggufFormat,
  barePickleFormat,
]

const HEAD_BYTES = 512

/** Containers whose content is the object of a pickle. */
const PICKLED: Partial<Record<FormatId, (source: ByteSource) => Promise<PickledObject>>> = {
  'torch-zip': readTorchZip,
  'torch-legacy': readTorchLegacy,
  pickle: readBarePickle,
}

async function sniff(head: Uint8Array, source: ByteSource): Promise<Format | undefined> {
  for (const format of FORMATS) if (await format.matches(head, source)) return format
  return undefined
}

/** @throws EMPTY_FILE, NOT_A_MODEL, TORCH_TAR, UNKNOWN_FORMAT (exit 3) */
async function formatOf(source: ByteSource): Promise<Format> {
  const { file } = source
  const head = await headOf(source)
  const format = await sniff(head, source)
  // Marks of other formats weigh more than the guess that bytes read as opcodes.
  const stranger = format === undefined || format === barePickleFormat ? strangerError(file, head) : undefined
  if (stranger) throw stranger
  if (format) return format
  throw unknownError(file, head, FORMATS.map(({ title }) => title).join(', '))
}

function headOf(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, Math.min(HEAD_BYTES, source.file.size))
}

/** What is wrong with a file that a text editor has saved is not where its reader stumbled. */
async function opened<T>(source: ByteSource, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof SdtoolError) || error instanceof UnsafePickleError) throw error
    throw savedAsText(source.file, await headOf(source)) ?? error
  }
}

/**
 * Opens a model file: headers only; of the tensor data nothing is read but the descriptions of quantised layers, which
 * are marked as what they are.
 * @throws EMPTY_FILE, NOT_A_MODEL, TORCH_TAR, UNKNOWN_FORMAT, SAVED_AS_TEXT (exit 3), and the codes of the
 * format. An UnsafePickleError carries the security report.
 */
export async function openModel(source: ByteSource): Promise<ModelFile> {
  const model = await opened(source, async () => (await formatOf(source)).open(source))
  await source.pause?.()
  return withQuantisedMarks(model, source)
}

/**
 * Every tensor of a file. Of a pickled object also those that are not weights (optimizer state), by their path from
 * the root: `state_dict/model.weight`, `optimizer_states[0]/state/0/exp_avg`.
 * @throws what `openModel` throws
 */
export async function listAllTensors(source: ByteSource): Promise<ReadonlyMap<string, Tensor>> {
  const format = await formatOf(source)
  const read = PICKLED[format.id]
  return read ? allTensors(await read(source)) : (await format.open(source)).tensors
}
