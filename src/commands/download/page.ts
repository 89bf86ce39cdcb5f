/** Pages and documents of downloads. */
import { dirname } from 'node:path'
import type { CivitaiFile } from '../../civitai/api/shapes.ts'
import { kindOfName } from '../../civitai/plan/file-kinds.ts'
import { nameFor } from '../../civitai/plan/file-name.ts'
import { judgesOf, verifiedText } from '../../civitai/transfer/verify.ts'
import { errorJson } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, type Paint, painter } from '../../report/text/text.ts'
import { lineWidth } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { versionJson } from '../shared/civitai-version.ts'
import { messages } from './messages.ts'
import type { DownloadPlan, PlannedDownload } from './plan.ts'
import type { FinishedDownload } from './run.ts'
import type { DownloadOutcome, DownloadResult, PlannedDownloadFile } from './schema.ts'

function columns() {
  return [
    { head: messages.actionColumn },
    { head: messages.modelColumn },
    { head: messages.versionColumn },
    { head: messages.fileColumn },
    { head: messages.sizeColumn, align: 'right' },
    { head: messages.whatColumn },
    { head: messages.folderColumn },
  ] as const
}

/** What will be downloaded, how large it is, and where it goes. */
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
    warnings.map((warning) => {
      const about = messages.warningAbout(printable(version.modelName, 60), printable(warning))
      return `  ${paint('yellow', messages.warning)}  ${about}\n`
    }),
  )
  return `${formatTable(columns(), rows, lineWidth(world.stdout))}\n${notes.join('')}`
}

function actionOf({ isPresent, partBytes }: PlannedDownload): string {
  if (isPresent) return messages.have
  return partBytes > 0 ? messages.resume : messages.fetch
}

function kindText({ type, format, size, fp }: CivitaiFile): string {
  return printable([type, format, size, fp].filter((word) => word !== undefined).join(', '), 60)
}

export function outcomeLines(outcome: FinishedDownload, world: World): string {
  if (outcome.status === 'failed') return ''
  const { planned, sidecars } = outcome
  const paint = painter(world.stdout, world.env)
  const written = sidecars.written.map((file) => printable(file, 300))
  const lines = [
    resultLine(outcome, paint),
    ...(kindOfName(planned.target) ? [] : [messages.notInspected]),
    ...triggerWords(planned),
    ...(written.length > 0 ? [messages.alsoWrote(written)] : []),
    ...sidecars.problems.map((problem) => `${paint('yellow', messages.warning)}  ${printable(problem, 300)}`),
  ]
  return `${lines.map((line) => `  ${line}\n`).join('')}`
}

function resultLine(outcome: Exclude<FinishedDownload, { status: 'failed' }>, paint: Paint): string {
  const { planned, status } = outcome
  const path = printable(status === 'present' ? planned.target : outcome.result.path, 300)
  const checked = checkedText(planned, status)
  if (status === 'present') return messages.alreadyThere(path, checked)
  return messages.wrote(paint('green', path), formatBytes(outcome.result.bytes), checked)
}

/** What was checked; without hashes also what was not. */
function checkedText({ file, target }: PlannedDownload, status: 'present' | 'downloaded'): string {
  const judges = judgesOf(file.hashes)
  if (judges.length > 0) return judges.map(verifiedText).join(', ')
  // a file that was there already was not read
  const hasKind = status === 'downloaded' && kindOfName(target) !== undefined
  return messages.onlyChecked(file.bytes !== undefined, hasKind)
}

function triggerWords({ version }: PlannedDownload): string[] {
  const words = version.trainedWords.join(', ')
  return words === '' ? [] : [messages.triggerWords(printable(words, 300))]
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
  const { path, bytes, sha256, resumedFrom } = outcome.result
  return { ...common, path, bytes, sha256, resumedFrom }
}
