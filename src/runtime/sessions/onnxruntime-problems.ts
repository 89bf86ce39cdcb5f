/** Why onnxruntime-node cannot be used on a system, and what its user can do. */
import { SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'

export interface SystemFacts {
  readonly platform: string
  readonly arch: string
  /** The C library is musl, not glibc. */
  readonly musl: boolean
}

/** What onnxruntime-node 1.30 has binaries for. Source: the folders of its package. */
const BINARIES: Readonly<Record<string, readonly string[]>> = {
  darwin: ['arm64'],
  linux: ['x64', 'arm64'],
  win32: ['x64', 'arm64'],
}

const PLATFORMS: Readonly<Record<string, string>> = { darwin: 'macOS', linux: 'Linux', win32: 'Windows' }

/** The error for what `require('onnxruntime-node')` threw. */
export function loadFailure(cause: unknown, system: SystemFacts): SdtoolError {
  const { code, message: reason } = cause as NodeJS.ErrnoException
  const isLost = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
  const [said = ''] = String(reason).split('\n')
  if (isLost && said.includes('onnxruntime_binding')) {
    const message = hasBinary(system) ? messages.binaryGone : messages.noBinary(nameOf(system))
    return failure('NO_BINARY', message, cause, system)
  }
  if (isLost && said.includes('onnxruntime-node'))
    return failure('MISSING', messages.notInstalled, cause, system)
  const message = hasBinary(system) ? messages.cannotLoad(said) : messages.cannotLoadOn(nameOf(system), said)
  return failure('BROKEN', message, cause, system)
}

function failure(
  code: 'MISSING' | 'NO_BINARY' | 'BROKEN',
  message: string,
  cause: unknown,
  system: SystemFacts,
): SdtoolError {
  return new SdtoolError(`ONNXRUNTIME_${code}`, message, {
    cause,
    hint: `${remedy(code, system)} ${messages.onlyRender}`,
  })
}

const INSTALL = 'npm install -g sdtool --include=optional'

function remedy(code: 'MISSING' | 'NO_BINARY' | 'BROKEN', system: SystemFacts): string {
  if (system.musl) return messages.needsGlibc
  if (!hasBinary(system)) return messages.drawOn(allSystems())
  // on Linux x64 its installer fetches CUDA libraries, and where it cannot, npm leaves the package out
  const withoutCuda = system.platform === 'linux' && system.arch === 'x64'
  const skipping = `ONNXRUNTIME_NODE_INSTALL=skip ${INSTALL}`
  if (code === 'MISSING')
    return withoutCuda ? messages.installWithoutCuda(skipping) : messages.install(INSTALL)
  // what is there already would stay
  const again = withoutCuda ? messages.reinstallWithoutCuda(skipping) : messages.reinstall(INSTALL)
  if (code === 'NO_BINARY') return again
  return system.platform === 'win32' ? messages.needsVisualC(system.arch, again) : messages.brokenCopy(again)
}

function hasBinary({ platform, arch, musl }: SystemFacts): boolean {
  return !musl && (BINARIES[platform] ?? []).includes(arch)
}

function nameOf({ platform, arch, musl }: SystemFacts): string {
  return `${PLATFORMS[platform] ?? platform} ${arch}${musl ? ' with musl' : ''}`
}

function allSystems(): string {
  return Object.entries(BINARIES)
    .map(([platform, kinds]) => `${PLATFORMS[platform]} (${kinds.join(', ')})`)
    .join(', ')
}
