/** Finds and loads onnxruntime-node, which may be missing, or have no binary that works here. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { SdtoolError } from '../../system/errors.ts'
import { loadFailure, type SystemFacts } from './onnxruntime-problems.ts'

export type OnnxRuntime = typeof import('onnxruntime-node')

/**
 * By `require`: an error of a CommonJS package that is imported goes past the catch of `import()` in Node 20, and ends
 * the process.
 */
const require = createRequire(import.meta.url)

export interface OnnxRuntimePlace {
  readonly version: string
  /** Folder of the binary for this system and the libraries beside it, CUDA's among them if they were fetched. */
  readonly binaries: string
}

/**
 * Where it is, without loading it, which takes 0.1 s.
 * @throws ONNXRUNTIME_MISSING where it is not installed, ONNXRUNTIME_NO_BINARY where it has nothing for this system (exit 1)
 */
export function findOnnxRuntime(): OnnxRuntimePlace {
  try {
    const manifest = require.resolve('onnxruntime-node/package.json')
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    const binaries = join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch)
    const binary = join(binaries, 'onnxruntime_binding.node')
    if (!existsSync(binary))
      throw Object.assign(new Error(`Cannot find module '${binary}'`), { code: 'MODULE_NOT_FOUND' })
    return { version, binaries }
  } catch (cause) {
    throw loadFailure(cause, systemFacts())
  }
}

/** @throws what `findOnnxRuntime` throws, and ONNXRUNTIME_BROKEN (exit 1) with what the system said of its binary */
export function loadOnnxRuntime(): OnnxRuntime {
  findOnnxRuntime()
  try {
    return require('onnxruntime-node') as OnnxRuntime
  } catch (cause) {
    throw loadFailure(cause, systemFacts())
  }
}

/** Why nothing can be drawn here; undefined where it can be loaded. @throws what is not an SdtoolError */
export function onnxRuntimeProblem(): SdtoolError | undefined {
  try {
    loadOnnxRuntime()
    return undefined
  } catch (error) {
    if (error instanceof SdtoolError) return error
    throw error
  }
}

function systemFacts(): SystemFacts {
  return { platform: process.platform, arch: process.arch, musl: isMusl() }
}

/** Alpine and others: Linux with another C library than the binaries are made for. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined
}
