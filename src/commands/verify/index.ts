import { readFile, stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import type { ListedFile } from '../../library/files.ts'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import { identifyFile, type OpenedModel, withModel } from '../../library/session.ts'
import type { Identity } from '../../model/identity.ts'
import {
  hashesInMetadata,
  SIDECAR_ENDINGS,
  type StatedHash,
  statedHashes,
} from '../../model/metadata/sidecar-hashes.ts'
import { hashWithProgress } from '../../operations/hashing.ts'
import { damageText, tolerated } from '../../operations/inspect/checksums.ts'
import { type ComponentScan, scanComponents, scanFindings } from '../../operations/inspect/inspection.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { errorJson, errorText, exitCodeOf } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, painter } from '../../report/text/text.ts'
import { EXIT, type ExitCode } from '../../system/errors.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { isFloat } from '../../tensor/values/dtype.ts'
import type { ModelFile } from '../../tensor/values/table.ts'
import type { Command } from '../command.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { CommonOptions } from '../shared/options.ts'
import { commonOptions, flag, namedFiles, withCommonOptions } from '../shared/options.ts'
import type { Check } from './check.ts'
import { messages } from './messages.ts'
import { recipeCheck } from './recipe.ts'
import type { VerifyResult } from './schema.ts'

export const verifyCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 verify model.safetensors', messages.exampleFile],
      ['$0 verify mix.safetensors --deep --models ~/models', messages.exampleDeep],
      ['$0 verify models/ --json', messages.exampleJson],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withCommonOptions(yargs))
      .positional('files', {
        type: 'string',
        array: true,
        describe: messages.filesArgument,
      })
      .option('deep', {
        type: 'boolean',
        describe: messages.deepOption,
      }),
  async run(args, world) {
    const folders = modelFolders(args, world)
    const options = { ...commonOptions(args), folders, deep: flag(args, 'deep') }
    const { files } = await listedFiles(namedFiles(args), (name) => resolveModel(name, 'any', folders), world)
    const results: Verified[] = []
    for (const file of files) {
      const result = await verified(file, options, world)
      results.push(result)
      if (result.error !== undefined) world.stderr.write(errorText(result.error, options.verbose))
      if (!options.json && !options.quiet) world.stdout.write(page(result, world))
    }
    // pages were printed as they came
    printResults(envelope('verify', { results: results.map(resultJson) }, world), () => '', options, world)
    return worst(results, options.deep)
  },
}

interface VerifyOptions extends CommonOptions {
  readonly folders: ModelFolders
  /** The recipe is repeated, and its result compared with the tensors. */
  readonly deep: boolean
}

interface Verified {
  readonly path: string
  readonly bytes?: number
  readonly title?: string
  readonly checks: readonly Check[]
  /** Why the file could not be read at all. */
  readonly error?: unknown
}

async function verified(
  { path, problem }: ListedFile,
  options: VerifyOptions,
  world: World,
): Promise<Verified> {
  try {
    if (problem !== undefined) throw problem
    return await withModel(path, world, (opened) => checked(path, opened, options, world), tolerated)
  } catch (error) {
    world.signal.throwIfAborted()
    return { path, checks: [], error }
  }
}

async function checked(
  path: string,
  opened: OpenedModel,
  options: VerifyOptions,
  world: World,
): Promise<Verified> {
  const { model, read } = opened
  const identity = await identifyFile(path, opened)
  const scans = await scanComponents(path, model, identity, read, world)
  const sums = await checksums(opened, world)
  return {
    path,
    bytes: model.file.size,
    title: identity.title,
    checks: [
      ...structure(model, identity),
      ...sums,
      ...valueChecks(scans, model),
      ...(await hashes(path, model, world)),
      await recipeCheck({ path, model, folders: options.folders, deep: options.deep }, world),
    ],
  }
}

/** Only floats can be NaN or infinite; how many others were not checked is reported. */
function valueChecks(scans: readonly ComponentScan[], { tensors }: ModelFile): Check[] {
  const failed = scans.flatMap(scanFindings).flatMap(({ code, message }): Check[] => {
    return code === 'not-finite' ? [{ check: 'values', result: 'failed', detail: message }] : []
  })
  if (failed.length > 0) return failed
  const count = scans.reduce((sum, { total }) => sum + total.values, 0)
  const others = [...tensors.values()].filter(({ dtype }) => !isFloat(dtype))
  const types = [...new Set(others.map(({ dtype }) => dtype))].sort().join(', ')
  if (count === 0) {
    const detail = others.length > 0 ? messages.unreadValues(others.length, types) : messages.noValues
    return [{ check: 'values', result: 'unknown', detail }]
  }
  const detail =
    others.length > 0 ? messages.finiteAndUnread(count, others.length, types) : messages.finiteValues(count)
  return [{ check: 'values', result: 'ok', detail }]
}

/** The reader has checked every range and size: its errors, and what the model lacks. */
function structure(model: ModelFile, { components, findings }: Identity): Check[] {
  const lacking = components.flatMap(({ title, match }): Check[] => {
    const wrong = match === undefined ? 0 : match.missing.length + match.misshapen.length
    if (match === undefined || wrong === 0) return []
    const detail = messages.incomplete(title, wrong, match.expected)
    return [{ check: 'structure', result: 'failed', detail }]
  })
  const odd = [...model.findings, ...findings].filter(({ severity }) => severity === 'error')
  const failed = odd.map(({ message }): Check => ({ check: 'structure', result: 'failed', detail: message }))
  const named = findings.filter(({ code }) => code === 'misnamed')
  const warned = named.map(
    ({ message }): Check => ({ check: 'structure', result: 'warning', detail: message }),
  )
  return lacking.length + failed.length > 0
    ? [...lacking, ...failed, ...warned]
    : [{ check: 'structure', result: 'ok', detail: soundText(model, components) }, ...warned]
}

/** Every entry of an archive, also those that are not weights; other containers state no checksums. */
async function checksums({ model, read, sums }: OpenedModel, world: World): Promise<Check[]> {
  if (model.checksums === undefined || sums === undefined) return []
  await sums.finish(read, world.signal)
  const { stated, without } = model.checksums
  if (sums.damaged.length > 0)
    return [{ check: 'checksums', result: 'failed', detail: damageText(sums.damaged) }]
  if (stated.length === 0) {
    const detail = without === 0 ? messages.noChecksums : messages.entriesWithout(without)
    return [{ check: 'checksums', result: 'unknown', detail }]
  }
  const detail =
    without === 0
      ? messages.checkedEntries(stated.length)
      : messages.checkedAndWithout(stated.length, without)
  return [{ check: 'checksums', result: 'ok', detail }]
}

/** Which parts have the names and shapes of a known model; of others only that they can be read is known. */
function soundText({ format, tensors, file }: ModelFile, components: Identity['components']): string {
  const known = components.filter(({ match }) => match !== undefined).map(({ title }) => title)
  const bytes = formatBytes(file.size)
  if (known.length === 0) return messages.readable(format, tensors.size, bytes)
  return messages.complete(format, tensors.size, bytes, known.join(', '))
}

interface Claim extends StatedHash {
  readonly by: string
}

async function hashes(path: string, model: ModelFile, world: World): Promise<Check[]> {
  const claims = await sidecarClaims(path)
  const own = hashesInMetadata(model.metadata)
  if (claims.length + own.length === 0) {
    return [{ check: 'hash', result: 'unknown', detail: messages.noHash }]
  }
  const wanted = new Set<HashName>([
    ...claims.map(({ name }) => name),
    ...(own.length > 0 ? (['autoV3'] as const) : []),
  ])
  const found = await hashWithProgress(path, [...wanted], world)
  return [
    ...claims.map((claim) => compared(claim, found)),
    ...own.map(({ key, value }): Check => {
      // programs hash tensors in an order of their own, and tools that edit a file often leave the key as it was
      const same = found.autoV3 === value
      const detail = same ? messages.ownHashSame(key) : messages.ownHashOther(key)
      return { check: 'hash', result: same ? 'ok' : 'warning', detail }
    }),
  ]
}

function compared({ name, value, by }: Claim, found: Hashes): Check {
  const own = found[name] ?? ''
  const same = own.startsWith(value)
  const detail = same
    ? messages.hashSame(name, by)
    : messages.hashOther(name, own.slice(0, value.length), by, value)
  return { check: 'hash', result: same ? 'ok' : 'failed', detail }
}

/** Sidecars are small; a larger file of such a name is something else. */
const MAX_SIDECAR_BYTES = 4 * 1024 * 1024

async function sidecarClaims(path: string): Promise<Claim[]> {
  const stem = path.slice(0, path.length - extname(path).length)
  const sidecars = new Set([
    ...SIDECAR_ENDINGS.whole.map((ending) => path + ending),
    ...SIDECAR_ENDINGS.stem.map((ending) => stem + ending),
  ])
  const claims: Claim[] = []
  for (const sidecar of sidecars) {
    const info = await stat(sidecar).catch(() => undefined)
    if (!info?.isFile() || info.size > MAX_SIDECAR_BYTES) continue
    const text = await readFile(sidecar, 'utf8')
    claims.push(...statedHashes(text, basename(path)).map((hash) => ({ ...hash, by: basename(sidecar) })))
  }
  return claims
}

function page({ path, bytes = 0, title = '', checks }: Verified, world: World): string {
  const paint = painter(world.stdout, world.env)
  if (checks.length === 0) return ''
  const rows = checks.map(({ check, result, detail }) => [check, result, printable(detail, 400)])
  const table = formatTable(
    [{ head: messages.check }, { head: messages.result }, { head: messages.what }],
    rows,
    paint.width,
  )
  return `${paint('bold', printable(path, 300))}: ${printable(title)}, ${formatBytes(bytes)}\n${table}\n`
}

function resultJson({ path, bytes, title, checks, error }: Verified): VerifyResult {
  return {
    path,
    bytes: bytes ?? null,
    title: title ?? null,
    checks,
    ok: isSound({ checks }),
    error: error === undefined ? null : errorJson(error),
  }
}

function isSound({ checks }: Pick<Verified, 'checks'>): boolean {
  return checks.length > 0 && checks.every(({ result }) => result !== 'failed')
}

/**
 * The worst: a file that was refused before one that failed a check. With `--deep`, a recipe that could not be repeated
 * is not a success.
 */
function worst(results: readonly Verified[], deep: boolean): ExitCode {
  const refused = results.find(({ error }) => error !== undefined)
  if (refused !== undefined) return exitCodeOf(refused.error)
  const isProven = ({ checks }: Verified) => checks.every(({ result }) => result !== 'unchecked')
  return results.every((one) => isSound(one) && (!deep || isProven(one))) ? EXIT.ok : EXIT.unverified
}
