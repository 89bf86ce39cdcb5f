/** Why onnxruntime-node cannot be used on a system, and what its user can do. */
import { SdtoolError } from '../../system/errors.ts'

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

/** Only this is lost. */
const ONLY_RENDER = 'Everything but render works without it.'

/** The error for what `require('onnxruntime-node')` threw. */
export function loadFailure(cause: unknown, system: SystemFacts): SdtoolError {
  const { code, message } = cause as NodeJS.ErrnoException
  const isLost = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
  const [said = ''] = String(message).split('\n')
  if (isLost && said.includes('onnxruntime_binding')) {
    const why = hasBinary(system) ? 'the one it came with is gone' : `there is none for ${nameOf(system)}`
    return failure('NO_BINARY', `has no binary for this system: ${why}`, cause, system)
  }
  if (isLost && said.includes('onnxruntime-node'))
    return failure('MISSING', 'is not installed', cause, system)
  const where = hasBinary(system) ? '' : ` on ${nameOf(system)}`
  return failure('BROKEN', `cannot be loaded${where}: ${said}`, cause, system)
}

function failure(
  code: 'MISSING' | 'NO_BINARY' | 'BROKEN',
  what: string,
  cause: unknown,
  system: SystemFacts,
): SdtoolError {
  return new SdtoolError(`ONNXRUNTIME_${code}`, `onnxruntime-node, which draws, ${what}`, {
    cause,
    hint: `${remedy(code, system)} ${ONLY_RENDER}`,
  })
}

function remedy(code: 'MISSING' | 'NO_BINARY' | 'BROKEN', system: SystemFacts): string {
  if (system.musl)
    return 'It needs a Linux with glibc, as Debian or Ubuntu: in a container, node:22-slim instead of node:22-alpine.'
  if (!hasBinary(system)) return `Draw on one of ${allSystems()}.`
  if (code === 'BROKEN' && system.platform === 'win32')
    return `It needs the Microsoft Visual C++ Redistributable for ${system.arch}. If that is there: ${again(system)}`
  if (code === 'BROKEN')
    return `An interrupted download, or a copy from another kind of machine, may be the reason: ${again(system)}`
  return code === 'MISSING' ? install(system) : again(system)
}

/** What is there already would stay. */
function again(system: SystemFacts): string {
  return `after npm uninstall -g sdtool, ${install(system)}`
}

/** On Linux x64 its installer fetches CUDA libraries, and where it cannot, npm leaves the package out. */
function install({ platform, arch }: SystemFacts): string {
  const command = 'npm install -g sdtool --include=optional'
  return platform === 'linux' && arch === 'x64'
    ? `ONNXRUNTIME_NODE_INSTALL=skip ${command} installs it, without the CUDA libraries, which its installer may not have been able to fetch.`
    : `${command} installs it.`
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
