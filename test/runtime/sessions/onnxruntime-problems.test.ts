import { describe, expect, it } from 'vitest'
import { loadFailure, type SystemFacts } from '../../../src/runtime/sessions/onnxruntime-problems.ts'

const LINUX: SystemFacts = { platform: 'linux', arch: 'x64', musl: false }
const ALPINE: SystemFacts = { ...LINUX, musl: true }
const INTEL_MAC: SystemFacts = { platform: 'darwin', arch: 'x64', musl: false }
const MAC: SystemFacts = { platform: 'darwin', arch: 'arm64', musl: false }
const WINDOWS: SystemFacts = { platform: 'win32', arch: 'x64', musl: false }

function thrown(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

const MISSING = thrown(
  'MODULE_NOT_FOUND',
  "Cannot find module 'onnxruntime-node/package.json'\nRequire stack:\n- x",
)
const NO_BINARY = (place: string) =>
  thrown(
    'MODULE_NOT_FOUND',
    `Cannot find module '../bin/napi-v6/${place}/onnxruntime_binding.node'\nRequire stack:`,
  )
/** Messages of dlopen and LoadLibrary, as Node passes them on. */
const MUSL = thrown(
  'ERR_DLOPEN_FAILED',
  'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by x.node)',
)
const CUT = thrown('ERR_DLOPEN_FAILED', '/x/onnxruntime_binding.node: file too short')
const WRONG_MAC = thrown(
  'ERR_DLOPEN_FAILED',
  "dlopen(/x.node, 0x0001): tried: '/x.node' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))",
)
const WINDOWS_RUNTIME = thrown(
  'ERR_DLOPEN_FAILED',
  'The specified module could not be found.\n\\\\?\\C:\\x.node',
)
const HALF_INSTALLED = thrown(
  'MODULE_NOT_FOUND',
  "Cannot find module 'onnxruntime-common'\nRequire stack:\n- x",
)

describe('why onnxruntime-node cannot be loaded', () => {
  it.each([
    [
      'left out on Linux',
      MISSING,
      LINUX,
      'MISSING',
      'is not installed',
      'ONNXRUNTIME_NODE_INSTALL=skip npm install',
    ],
    [
      'left out on a Mac',
      MISSING,
      MAC,
      'MISSING',
      'is not installed',
      'npm install -g sdtool --include=optional installs it',
    ],
    ['left out on Alpine', MISSING, ALPINE, 'MISSING', 'is not installed', 'glibc'],
    [
      'left out on an Intel Mac',
      MISSING,
      INTEL_MAC,
      'MISSING',
      'is not installed',
      'Render on one of macOS (arm64)',
    ],
    [
      'no binary for an Intel Mac',
      NO_BINARY('darwin/x64'),
      INTEL_MAC,
      'NO_BINARY',
      'there is none for macOS x64',
      'Render on one of',
    ],
    [
      'a binary that was deleted',
      NO_BINARY('linux/x64'),
      LINUX,
      'NO_BINARY',
      'is gone',
      '--include=optional installs it',
    ],
    [
      'glibc binary on Alpine',
      MUSL,
      ALPINE,
      'BROKEN',
      'on Linux x64 with musl: Error loading shared library ld-linux',
      'node:22-slim',
    ],
    ['an incomplete download', CUT, LINUX, 'BROKEN', 'file too short', 'incomplete download'],
    [
      'a copy from another machine',
      WRONG_MAC,
      MAC,
      'BROKEN',
      'incompatible architecture',
      'another kind of machine',
    ],
    [
      'Windows without its C++ library',
      WINDOWS_RUNTIME,
      WINDOWS,
      'BROKEN',
      'The specified module',
      'Visual C++ Redistributable for x64',
    ],
    [
      'half a package',
      HALF_INSTALLED,
      LINUX,
      'BROKEN',
      "Cannot find module 'onnxruntime-common'",
      'incomplete download',
    ],
  ] as const)('%s', (_, cause, system, code, message, hint) => {
    const error = loadFailure(cause, system)
    expect(error).toMatchObject({ code: `ONNXRUNTIME_${code}`, exitCode: 1, cause })
    expect(error.message).toContain('onnxruntime-node, which renders,')
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('\n')
    expect(error.hint).toContain(hint)
    expect(error.hint).toContain('Everything but render works without it.')
  })
})
