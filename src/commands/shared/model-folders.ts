/** `--models`: the folders where bare names are looked up. */
import { delimiter } from 'node:path'
import type { Argv } from 'yargs'
import type { ModelFolders } from '../../library/resolve.ts'
import { type FolderScan, scanFolder } from '../../library/scan.ts'
import { escaped, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { noteSkipped } from './listed-files.ts'
import { values } from './options.ts'

/** Of pictures that keep what is in their pixels. */
const CARD_ENDINGS = ['.png', '.webp'] as const

export function withModelFolders(yargs: Argv): Argv {
  return yargs.option('models', {
    type: 'string',
    describe: 'Folder of A1111, Forge, ComfyUI or your own where bare names are looked up. Repeatable',
    defaultDescription: 'SDTOOL_MODELS',
  })
}

/** The folders of `--models`, or else of `SDTOOL_MODELS`, a list like that of PATH. */
export function modelFolders(args: Arguments, world: World): ModelFolders {
  const named = values(args, 'models')
  if (named.includes('')) throw usage('--models needs a value')
  const listed = (world.env.SDTOOL_MODELS ?? '').split(delimiter).filter((folder) => folder !== '')
  const scans = new Map<string, Promise<FolderScan>>()
  const roots = named.length > 0 ? named : listed
  return {
    roots,
    note: (line) => world.stderr.write(`sdtool: ${escaped(line)}\n`),
    async scan(folder) {
      const scan = scans.get(folder) ?? scanFolder(folder, world.signal)
      scans.set(folder, scan)
      return (await scan).files
    },
    async noteSkipped() {
      for (const root of roots) noteSkipped((await scans.get(root))?.skipped ?? [], world)
    },
    scanPictures: async (folder) => (await scanFolder(folder, world.signal, undefined, CARD_ENDINGS)).files,
  }
}
