import { existsSync } from 'node:fs'
import { looksRemote } from '../../civitai/api/reference.ts'
import { PICTURE_ENDINGS } from '../../image/open.ts'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import { MODEL_ENDINGS } from '../../model/file-name.ts'
import { type Inspection, inspectFile } from '../../operations/inspect/inspection.ts'
import type { InspectionOptions } from '../../operations/inspect/options.ts'
import { errorText, exitCodeOf } from '../../report/terminal/error.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, escaped, usage, withFileName } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { withCivitaiUrl } from '../shared/civitai-options.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { CommonOptions } from '../shared/options.ts'
import { commonOptions, flag, namedFiles, text, withCommonOptions } from '../shared/options.ts'
import { preview, withPreview } from '../shared/preview-option.ts'
import { messages } from './messages.ts'
import { inspectPicture, isPicture, type PictureInspection } from './picture.ts'
import { resultsPrinter, textPrinter } from './printer.ts'
import { missingKey, type PartOptions, type Result } from './result.ts'

interface InspectOptions extends CommonOptions, PartOptions {
  readonly files: readonly string[]
  readonly hashes: boolean
  readonly scan: boolean
  readonly brief?: boolean
  readonly preview: boolean
}

export const inspectCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 inspect model.ckpt', messages.exampleModel],
      ['$0 inspect lora.safetensors --metadata', messages.exampleMetadata],
      ['$0 inspect model.safetensors --keys "*attn2.to_k*" --json', messages.exampleKeys],
      ['$0 inspect models/ --brief', messages.exampleFolder],
      ['$0 inspect picture.png', messages.examplePicture],
      ['$0 inspect https://civitai.com/models/4384', messages.exampleRemote],
    ] as const
  },
  options: (yargs) =>
    withPreview(withModelFolders(withCivitaiUrl(withCommonOptions(yargs))))
      .positional('files', {
        type: 'string',
        array: true,
        describe: messages.filesArgument,
      })
      .option('keys', {
        type: 'string',
        describe: messages.keysOption,
      })
      .option('metadata', {
        type: 'string',
        describe: messages.metadataOption,
      })
      .option('hashes', {
        type: 'boolean',
        describe: messages.hashesOption,
      })
      .option('scan', {
        type: 'boolean',
        describe: messages.scanOption,
      })
      .option('brief', { type: 'boolean', describe: messages.briefOption }),
  run: (args, world) => runInspect(args, modelFolders(args, world), world),
}

function inspectOptions(args: Arguments): InspectOptions {
  const files = namedFiles(args)
  const keys = optionalText(args, 'keys', files)
  const metadata = optionalText(args, 'metadata', files)
  return {
    ...commonOptions(args),
    files,
    ...defined({ keys, metadata }),
    ...(args.brief === undefined ? {} : { brief: args.brief === true }),
    hashes: flag(args, 'hashes'),
    scan: flag(args, 'scan'),
    preview: flag(args, 'preview'),
  }
}

/** `--keys model.ckpt` means the file, not a pattern: a value that exists on disk while no file was named. */
function optionalText(args: Arguments, name: string, files: string[]): string | undefined {
  const value = text(args, name)
  if (value === undefined || files.length > 0 || !existsSync(value)) return value
  files.push(value)
  return ''
}

async function runInspect(args: Arguments, folders: ModelFolders, world: World): Promise<ExitCode> {
  const options = inspectOptions(args)
  const remote = options.files.filter(isRemote)
  if (remote.length > 0) checkRemote(options)
  const { files, walked } = await listedFiles(
    options.files,
    async (name) => (isRemote(name) ? name : resolveModel(name, 'any', folders)),
    world,
    [...MODEL_ENDINGS, ...PICTURE_ENDINGS],
  )
  const several = files.length > 1 || walked
  const brief = isBrief(options, walked)
  const printer =
    options.json || options.quiet
      ? resultsPrinter(options, world)
      : textPrinter(options, { brief, several }, world)
  let exitCode: ExitCode = EXIT.ok
  const show = async (found: Result): Promise<void> => {
    const result = missingKey(found, options)
    printer.print(result)
    const failure = 'error' in result ? result.error : await previewFailure(result, options, world)
    if (failure !== undefined && exitCode === EXIT.ok) exitCode = exitCodeOf(failure)
  }
  // a list of files is there to be fast
  const compared = { ...options, brief, folders: brief ? { ...folders, roots: [] } : folders }
  await withInspectors(remote.length > 0, compared, args, world, async ({ here, there }) => {
    for (const { path, problem } of files) {
      if (problem) await show({ path, bytes: 0, error: problem })
      else await show(await (remote.includes(path) ? there(path) : here(path)))
    }
  })
  printer.end()
  return exitCode
}

/** A name of an existing file means that file. */
function isRemote(name: string): boolean {
  return looksRemote(name) && !existsSync(name)
}

/** @throws USAGE (exit 2) */
function checkRemote({ hashes, scan }: InspectOptions): void {
  if (!hashes && !scan) return
  throw usage(messages.needsLocalFile(hashes ? 'hashes' : 'scan'), messages.downloadFirst)
}

type InspectedAs = InspectionOptions & { readonly brief: boolean }

interface Inspectors {
  here(path: string): Promise<Result>
  /** What lies on a server. */
  there(reference: string): Promise<Result>
}

/** Opens connections only where there is something to connect to: what most calls do without is not even loaded. */
async function withInspectors(
  anyRemote: boolean,
  options: InspectedAs,
  args: Arguments,
  world: World,
  use: (inspectors: Inspectors) => Promise<void>,
): Promise<void> {
  const here = (path: string) => inspectAny(path, options, world)
  if (!anyRemote) return use({ here, there: here })
  const { withCivitai } = await import('../shared/civitai-client.ts')
  const { inspectRemote } = await import('./remote.ts')
  return withCivitai(args, world, (client) =>
    use({ here, there: (reference) => inspectRemote(reference, options, client, world) }),
  )
}

/** Shows a picture where that was asked for. @returns what is wrong with it; the next ones are still shown */
async function previewFailure(
  result: Inspection | PictureInspection,
  options: InspectOptions,
  world: World,
): Promise<unknown> {
  if (!options.preview || !('picture' in result)) return undefined
  const { path, picture } = result
  try {
    if (picture.pixels) await preview(await picture.pixels(), options, world)
    else world.stderr.write(`sdtool: ${escaped(messages.noPicturePreview(path))}\n`)
    return undefined
  } catch (error) {
    world.signal.throwIfAborted()
    const named = withFileName(path, error)
    world.stderr.write(errorText(named, options.verbose))
    return named
  }
}

async function inspectAny(path: string, options: InspectedAs, world: World): Promise<Result> {
  if (!(await isPicture(path))) return inspectFile(path, options, world)
  return inspectPicture(path, options, world).catch((error: unknown) => {
    world.signal.throwIfAborted()
    return { path, bytes: 0, error }
  })
}

/** A list for a folder, unless an option needs the page. */
function isBrief({ brief, keys, metadata, hashes, scan }: InspectOptions, walked: boolean): boolean {
  const needsPage = keys !== undefined || metadata !== undefined || hashes || scan
  if (brief && needsPage) throw usage(messages.briefAlone)
  return brief ?? (walked && !needsPage)
}
