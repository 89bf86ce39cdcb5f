import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'

/** What torch reads from a file: the ground truth of `index.json`. */
export interface OracleTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly stride?: readonly number[]
  readonly sha256: string
}

export interface RealRow {
  readonly file: string
  readonly sha256: string
  readonly format: string
  readonly note?: string
  readonly oracle?: Record<string, unknown> | null
}

const folder = process.env.SDTOOL_REAL_FILES ?? join(import.meta.dirname, '../../shared/real')
const present = existsSync(join(folder, 'index.json'))

/** Path of a real model file, or undefined where the folder is missing. */
export function realFile(path: string): string | undefined {
  return present ? join(folder, path) : undefined
}

/** All rows of the index; empty where the folder is missing. */
export function realIndex(): RealRow[] {
  return present ? (JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as RealRow[]) : []
}

/** A suite over files other people made. Skipped, and shown as skipped, where they are missing (SDTOOL_REAL_FILES). */
export const describeReal = describe.skipIf(!present)
