/** What is said of a pickle before anything of it is used. */
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { Pause } from '../../system/pause.ts'
import type { PickleGlobal, SecurityReport } from '../values/table.ts'
import { type GlobalTable, internGlobal, MAX_GLOBALS, runPickle } from './pickle.ts'
import { messages } from './pickle-messages.ts'
import { newOpReader, nextOp, OP, type OpReader, PickleFault } from './pickle-ops.ts'
import type { PyValue } from './pickle-values.ts'

/** A pickle that names something that could run code, or that nothing is known of. Carries the whole report. */
export class UnsafePickleError extends SdtoolError {
  readonly report: SecurityReport

  constructor(where: string, report: SecurityReport) {
    const worst = firstBad(report)!
    const dangerous = worst.verdict === 'dangerous'
    const name = `${worst.module}.${worst.name}`
    super(
      dangerous ? 'PICKLE_UNSAFE' : 'PICKLE_UNKNOWN_GLOBAL',
      dangerous
        ? messages.unsafeName(where, worst.offset, name)
        : messages.unknownName(where, worst.offset, name),
      {
        exitCode: EXIT.refused,
        hint: dangerous ? messages.doNotLoad : messages.convertIfTrusted,
      },
    )
    this.name = 'UnsafePickleError'
    this.report = report
  }
}

function firstBad({ globals }: SecurityReport): PickleGlobal | undefined {
  return (
    globals.find(({ verdict }) => verdict === 'dangerous') ??
    globals.find(({ verdict }) => verdict === 'unknown')
  )
}

/** A pickle-bearing file while it is read. */
export interface PickleScan {
  /** For messages: the path of the file, and the member of an archive. */
  readonly where: string
  readonly globals: GlobalTable
  readonly pause?: Pause
}

export function newPickleScan(where: string, pause?: Pause): PickleScan {
  return { where, globals: new Map(), ...(pause && { pause }) }
}

/** Everything the pickles of the file named so far. */
function reportOf({ globals }: PickleScan): SecurityReport {
  const list = [...globals.values()].map(({ module, name, offset, verdict }) => ({
    module,
    name,
    offset,
    verdict,
  }))
  return {
    safe: !list.some(({ verdict }) => verdict === 'dangerous' || verdict === 'unknown'),
    globals: list,
  }
}

/** @throws UnsafePickleError: PICKLE_UNSAFE, PICKLE_UNKNOWN_GLOBAL (exit 3) */
export function requireSafe(scan: PickleScan): SecurityReport {
  const report = reportOf(scan)
  if (!report.safe) throw new UnsafePickleError(scan.where, report)
  return report
}

/**
 * Runs the pickle that starts at `at`. What it names is judged by `requireSafe` when all pickles of the file are
 * through. If it is broken, the rest is still searched for names, as `pickle.load` would have run what stands before
 * the break.
 * @param base added to offsets in the report, if `bytes` is not the start of the file
 * @throws UnsafePickleError, or PICKLE_TRUNCATED, PICKLE_MALFORMED, PICKLE_LIMIT (exit 3)
 */
export async function readPickle(
  scan: PickleScan,
  bytes: Uint8Array,
  at = 0,
  base = 0,
): Promise<{ value: PyValue; end: number }> {
  try {
    return await runPickle(bytes, at, scan.globals, { base, ...(scan.pause && { pause: scan.pause }) })
  } catch (error) {
    if (!(error instanceof PickleFault)) throw error
    await collectGlobals(scan, bytes, error.at, base)
    requireSafe(scan)
    throw new SdtoolError(error.code, messages.atByte(scan.where, base + error.at, error.message), {
      exitCode: EXIT.refused,
      hint: messages.damagedPickle,
    })
  }
}

/**
 * Refuses bytes behind the last pickle: programs that load twice would find a second one there.
 * @throws UnsafePickleError if they name something, else PICKLE_TRAILING_DATA (exit 3)
 */
export async function refuseTrailing(scan: PickleScan, bytes: Uint8Array, end: number): Promise<void> {
  if (end === bytes.byteLength) return
  await collectGlobals(scan, bytes, end, 0)
  requireSafe(scan)
  throw new SdtoolError(
    'PICKLE_TRAILING_DATA',
    messages.bytesAfterPickle(scan.where, bytes.byteLength - end, end),
    { exitCode: EXIT.refused, hint: messages.onePickle },
  )
}

/** Bound of a scan without a machine; a pickle of one-byte opcodes would take minutes otherwise. */
const MAX_SCANNED_OPCODES = 5_000_000
const OPCODES_PER_PIECE = 16_384

/** Notes the names in whatever still reads as opcodes from `at` on, over STOPs and without a stack. */
async function collectGlobals(scan: PickleScan, bytes: Uint8Array, at: number, base: number): Promise<void> {
  const reader = newOpReader(bytes, at)
  const texts: string[] = []
  try {
    for (let i = 0; i < MAX_SCANNED_OPCODES && reader.at < bytes.byteLength; i++) {
      if (i % OPCODES_PER_PIECE === 0) await scan.pause?.()
      if (scan.globals.size > MAX_GLOBALS) return
      noteGlobal(scan, nextOp(reader), reader, texts, base)
    }
  } catch (error) {
    if (!(error instanceof PickleFault)) throw error
  }
}

function noteGlobal(scan: PickleScan, code: number, reader: OpReader, texts: string[], base: number): void {
  const offset = base + reader.opAt
  if (code === OP.GLOBAL || code === OP.INST) {
    const [module, name] = reader.arg as readonly [string, string]
    internGlobal(scan.globals, module, name, offset)
  } else if (code === OP.STACK_GLOBAL && texts.length === 2) {
    internGlobal(scan.globals, texts[0]!, texts[1]!, offset)
  } else if (typeof reader.arg === 'string') {
    texts.push(reader.arg)
    if (texts.length > 2) texts.shift()
  }
}
