/** What a person, or a program, reads of a download. */
import { dirname } from 'node:path'
import type { CivitaiFile } from '../../civitai/api/shapes.ts'
import { kindOfName } from '../../civitai/plan/file-kinds.ts'
import { nameFor } from '../../civitai/plan/file-name.ts'
import { verifiedText as hashText, judgesOf } from '../../civitai/transfer/verify.ts'
import { errorJson } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, painter } from '../../report/text/text.ts'
import { lineWidth } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { versionJson } from '../shared/civitai-version.ts'
import type { DownloadPlan, PlannedDownload } from './plan.ts'
import type { FinishedDownload } from './run.ts'
import type { DownloadOutcome, DownloadResult, PlannedDownloadFile } from './schema.ts'

const COLUMNS = [
  { head: 'action' },
  { head: 'model' },
  { head: 'version' },
  { head: 'file' },
  { head: 'size', align: 'right' },
  { head: 'what' },
  { head: 'to' },
] as const

/** What will be fetched, how much, where to. */
export function planText({ downloads }: DownloadPlan, world: World): string {
  if (downloads.length === 0) return ''
  const paint = painter(world.stdout, world.env)
  const rows = downloads.map((download) => {
    const { version, file, target } = download
    return [
      actionOf(download),
      printable(version.modelName, 40),
      printable(version.name, 24),
      printable(nameFor(file, version), 60),
      file.bytes === undefined ? '?' : formatBytes(file.bytes),
      kindText(file),
      printable(dirname(target), 200),
    ]
  })
  const notes = downloads.flatMap(({ version, warnings }) =>
    warnings.map(
      (warning) =>
        `  ${paint('yellow', 'warning')}  ${printable(version.modelName, 60)}: ${printable(warning)}\n`,
    ),
  )
  return `${formatTable(COLUMNS, rows, lineWidth(world.stdout))}\n${notes.join('')}`
}

function actionOf({ isPresent, partBytes }: PlannedDownload): string {
  return isPresent ? 'have' : partBytes > 0 ? 'resume' : 'fetch'
}

function kindText({ type, format, size, fp }: CivitaiFile): string {
  return printable([type, format, size, fp].filter((word) => word !== undefined).join(', '), 60)
}

export function outcomeLines(outcome: FinishedDownload, world: World): string {
  if (outcome.status === 'failed') return ''
  const { planned, sidecars, status } = outcome
  const paint = painter(world.stdout, world.env)
  const path = printable(planned.target, 300)
  const lines = [
    status === 'present'
      ? `${path} is there already: ${verifiedText(planned, 'present')}`
      : `wrote ${paint('green', path)}: ${formatBytes(outcome.result.bytes)}, ${verifiedText(planned, 'downloaded')}`,
    ...(kindOfName(planned.target)
      ? []
      : ['sdtool does not know this kind of file: what is in it was not looked at']),
    ...triggerWords(planned),
    ...(sidecars.written.length > 0
      ? [`beside it: ${sidecars.written.map((file) => printable(file, 300)).join(', ')}`]
      : []),
    ...sidecars.problems.map((problem) => `${paint('yellow', 'warning')}  ${printable(problem, 300)}`),
  ]
  return `${lines.map((line) => `  ${line}\n`).join('')}`
}

/** What was checked, and where that is not all, what was not. */
function verifiedText({ file, target }: PlannedDownload, status: 'present' | 'downloaded'): string {
  const judges = judgesOf(file.hashes)
  if (judges.length > 0) return judges.map(hashText).join(', ')
  const checked = [
    ...(file.bytes === undefined ? [] : ['its length']),
    // what is there already was not read
    ...(status === 'downloaded' && kindOfName(target) ? ['that it is what its name says'] : []),
  ]
  const only = checked.length === 0 ? 'nothing was checked' : `only ${checked.join(' and ')} was checked`
  return `not verified, as the site gives no hash: ${only}`
}

function triggerWords({ version }: PlannedDownload): string[] {
  const words = version.trainedWords.join(', ')
  return words === '' ? [] : [`trigger words: ${printable(words, 300)}`]
}

/** The results of `download --json`; what could not be planned has its reference for a path. Keys are a contract. */
export function downloadJson(
  { downloads, failed }: DownloadPlan,
  outcomes: readonly FinishedDownload[],
): DownloadResult[] {
  const results = new Map(outcomes.map((outcome) => [outcome.planned, outcome]))
  return [
    ...downloads.map((download) => ({
      ...plannedJson(download),
      ...outcomeJson(download, results.get(download)),
    })),
    ...failed.map(({ reference, error }) => ({ path: reference, reference, error: errorJson(error) })),
  ]
}

function plannedJson({
  reference,
  version,
  file,
  target,
  partBytes,
  warnings,
}: PlannedDownload): PlannedDownloadFile {
  return {
    reference,
    ...versionJson(version),
    fileId: file.id ?? null,
    fileType: file.type,
    bytes: file.bytes ?? null,
    hashes: { ...file.hashes },
    path: target,
    resumable: partBytes,
    warnings,
  }
}

const NOT_DONE = {
  verified: null,
  hashesChecked: [],
  sidecars: [],
  problems: [],
  sha256: null,
  resumedFrom: null,
  error: null,
} as const

function outcomeJson(
  { isPresent, file }: PlannedDownload,
  outcome: FinishedDownload | undefined,
): DownloadOutcome {
  if (outcome === undefined) return { ...NOT_DONE, status: isPresent ? 'present' : 'planned' }
  if (outcome.status === 'failed') return { ...NOT_DONE, status: 'failed', error: errorJson(outcome.error) }
  const { written, problems } = outcome.sidecars
  const judges = judgesOf(file.hashes)
  const common = {
    ...NOT_DONE,
    status: outcome.status,
    verified: judges[0] ?? 'nothing',
    hashesChecked: judges,
    sidecars: written,
    problems,
  }
  if (outcome.status === 'present') return common
  const { bytes, sha256, resumedFrom } = outcome.result
  return { ...common, bytes, sha256, resumedFrom }
}
