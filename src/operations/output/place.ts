import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import type { FileList, ListedFile } from '../../library/files.ts'
import { EXIT, SdtoolError, usage } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** Of files that are safetensors. */
export const WRITTEN_ENDINGS: readonly string[] = ['.safetensors', '.sft']

/**
 * Where outputs go: `-o` names the file of a single input, or a folder for any number; without it outputs stand
 * next to their inputs. A name must have one of `endings`. Folders that were walked are rebuilt below the output folder.
 * @throws USAGE (exit 2); the returned function OUTPUT_TWICE (exit 2) when two inputs of one run would become the same
 *   file, OUTPUT_IS_INPUT (exit 2) when one would become another
 */
export async function outputPlaces(
  { files, walked }: Pick<FileList, 'files' | 'walked'>,
  output: string | undefined,
  endings = WRITTEN_ENDINGS,
): Promise<(file: ListedFile, name: string) => string> {
  const place = await placeRule(files.length > 1 || walked, output, endings)
  const inputs = new Set(files.map(({ path }) => resolve(path)))
  const taken = new Map<string, string>()
  return (file, name) => {
    const path = place(file, name)
    const other = taken.get(resolve(path))
    if (other !== undefined) throw outputTwice(path, other, file.path)
    if (inputs.has(resolve(path)) && resolve(path) !== resolve(file.path)) throw isOtherInput(path, file.path)
    taken.set(resolve(path), file.path)
    return path
  }
}

async function placeRule(
  several: boolean,
  output: string | undefined,
  endings: readonly string[],
): Promise<(file: ListedFile, name: string) => string> {
  if (output === undefined) return ({ path }, name) => join(dirname(path), name)
  const isFolder = (await stat(output).catch(() => undefined))?.isDirectory() ?? false
  if (several || isFolder || output.endsWith('/')) {
    if (endings.includes(extname(output).toLowerCase()) && !isFolder) {
      throw usage(messages.oneFileForSeveral(output), messages.nameFolder)
    }
    return ({ relative }, name) => join(output, dirname(relative), name)
  }
  if (!endings.includes(extname(output).toLowerCase())) {
    const text = endings === WRITTEN_ENDINGS ? messages.mustEndAsSafetensors : messages.mustEndAsTorch
    throw usage(text(output, endings[0]!), messages.endFolderWithSlash)
  }
  return () => output
}

function isOtherInput(path: string, input: string): SdtoolError {
  return new SdtoolError('OUTPUT_IS_INPUT', messages.outputIsInput(input, path), {
    exitCode: EXIT.usage,
    hint: messages.otherFolder,
  })
}

function outputTwice(path: string, first: string, second: string): SdtoolError {
  return new SdtoolError('OUTPUT_TWICE', messages.outputTwice(second, path, first), {
    exitCode: EXIT.usage,
    hint: messages.runAlone,
  })
}

/** The nearest folder above that is there: an output's own may still have to be made. */
export function existingFolder(folder: string): string {
  return existsSync(folder) ? folder : existingFolder(dirname(folder))
}
