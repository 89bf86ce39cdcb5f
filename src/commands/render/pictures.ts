/** Where pictures go, and what is written there. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** Names of the pictures of one run. */
export interface PicturePlaces {
  /** @param word behind the name of the model: a seed, "sheet" */
  pathOf(word: string): string
}

const ENDING = '.png'

/**
 * `-o` names the only picture, or a folder. Without it, or in a folder, names are those of the model with the seed, and
 * a number where that is taken.
 * @throws USAGE (exit 2) when one file is named for several pictures
 */
export async function picturePlaces(
  modelPath: string,
  several: boolean,
  output: string | undefined,
  force: boolean,
): Promise<PicturePlaces> {
  const stem = stemOf(basename(modelPath))
  if (output !== undefined && !(await isFolder(output))) {
    if (extname(output).toLowerCase() !== ENDING) throw usage(messages.onlyPng(output), messages.endWithSlash)
    if (several) throw usage(messages.oneFileForSeveral(output), messages.giveFolder)
    return { pathOf: () => output }
  }
  const taken = new Set<string>()
  return {
    pathOf(word) {
      const path = freePath(join(output ?? '.', `${stem}-${word}`), force, taken)
      taken.add(path)
      return path
    },
  }
}

async function isFolder(path: string): Promise<boolean> {
  return path.endsWith('/') || ((await stat(path).catch(() => undefined))?.isDirectory() ?? false)
}

/** `name.png`, `name-2.png` .. */
function freePath(name: string, force: boolean, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const path = `${name}${number === 1 ? '' : `-${number}`}${ENDING}`
    if (!taken.has(path) && (force || !existsSync(path))) return path
  }
}
