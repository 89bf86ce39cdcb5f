/** Which of the operations of `convert` a command line asks for. */
import { PIPELINE_INDEX } from '../../library/shards.ts'
import type { DTypeChoice } from '../../model/dtype-choice.ts'
import type { PipelineFolder } from '../../model/layouts/pipeline.ts'
import type {
  FileOptions,
  FolderOptions,
  NamesOptions,
  PartOptions,
  SingleOptions,
} from '../../operations/convert/options.ts'
import { refuse, usage } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** What was typed. */
export interface Requested {
  readonly names: readonly string[]
  readonly to?: string
  readonly part?: PipelineFolder
  readonly dtype: DTypeChoice
}

export type Conversion =
  | { readonly kind: 'files'; readonly names: readonly string[]; readonly options: FileOptions }
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly options: NamesOptions }
  | {
      readonly kind: 'single'
      readonly folder: string
      readonly options: Pick<SingleOptions, 'to' | 'dtype'>
    }
  | { readonly kind: 'part'; readonly name: string; readonly options: PartOptions }
  /** `part` for each network that the model has. */
  | { readonly kind: 'folder'; readonly name: string; readonly options: FolderOptions }

/**
 * @param isPipeline whether a name is that of a diffusers folder
 * @throws USAGE (exit 2); NOT_A_PIPELINE (exit 3) where a single file is to be made of something else than such a folder
 */
export function chosenConversion(
  { names, to, part, dtype }: Requested,
  isPipeline: (name: string) => boolean,
): Conversion {
  if (part !== undefined && to !== 'diffusers') throw usage(messages.partWithoutDiffusers)
  const isFolder = names.some(isPipeline)
  if (!isFolder && to !== 'diffusers') return ofFiles(names, to, dtype)
  const name = onlyName(names)
  const one = oneType(dtype)
  if (isFolder) {
    checkFolderTo(to)
    return { kind: 'single', folder: name, options: { to: 'single', ...one } }
  }
  return part === undefined
    ? { kind: 'folder', name, options: { to: 'diffusers', ...one } }
    : { kind: 'part', name, options: { to: 'diffusers', part, ...one } }
}

function ofFiles(names: readonly string[], to: string | undefined, dtype: DTypeChoice): Conversion {
  const [first] = names
  if (to === 'single' && first !== undefined)
    throw refuse(
      'NOT_A_PIPELINE',
      messages.notDiffusersFolder(first, PIPELINE_INDEX),
      messages.singleIsForFolders,
    )
  if (to === 'native' || to === 'comfyui') return { kind: 'names', names, options: { to, dtype } }
  return { kind: 'files', names, options: { ...(to === 'ckpt' && { to }), dtype } }
}

/** @throws USAGE (exit 2) */
function onlyName([name, ...more]: readonly string[]): string {
  if (more.length > 0) throw usage(messages.onlyFolder, messages.nameOneModel)
  if (name === undefined) throw usage(messages.noFile, messages.nameFile)
  return name
}

/** @throws USAGE (exit 2) for types of components, which have other names in a folder */
function oneType({ all, by = {} }: DTypeChoice): Pick<FolderOptions, 'dtype'> {
  if (Object.keys(by).length > 0) throw usage(messages.typesOfComponents, messages.convertSingle)
  return all === undefined ? {} : { dtype: { all } }
}

/** @throws USAGE (exit 2) */
function checkFolderTo(to: string | undefined): void {
  if (to !== undefined && to !== 'single') throw usage(messages.singleFirst(to), messages.convertAgain)
}
