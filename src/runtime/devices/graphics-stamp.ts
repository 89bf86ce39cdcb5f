/** What decides whether a device works, as far as it can be told without trying one. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { release } from 'node:os'
import { findOnnxRuntime, type OnnxRuntimePlace } from '../sessions/onnxruntime.ts'

/**
 * Files, and folders whose list changes, when a card or a driver does. Kernel modules tell their versions, Vulkan and
 * OpenCL loaders look for their drivers in lists, and Windows keeps every driver in one folder. macOS has them with the
 * system.
 */
const TRACES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: [
    '/sys/class/drm',
    '/proc/driver/nvidia/version',
    '/sys/module/amdgpu/version',
    '/usr/share/vulkan/icd.d',
    '/etc/vulkan/icd.d',
  ],
  win32: ['C:\\Windows\\System32\\DriverStore\\FileRepository'],
}

/** Variables by which drivers and cards are chosen. */
const VARIABLES = [
  'VK_ICD_FILENAMES',
  'VK_DRIVER_FILES',
  'VK_ADD_DRIVER_FILES',
  'CUDA_VISIBLE_DEVICES',
  'LD_LIBRARY_PATH',
]

/** Another text where other cards, drivers or libraries of onnxruntime are there. */
export async function graphicsStamp(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const library = onnxruntimePlace()
  const traces = [...(TRACES[process.platform] ?? []), library.binaries]
  const seen = await Promise.all(traces.map(trace))
  const chosen = VARIABLES.map((name) => env[name] ?? '')
  return [library.version, process.platform, process.arch, release(), ...chosen, ...seen].join(' | ')
}

/** Nothing where there is none. */
function onnxruntimePlace(): OnnxRuntimePlace {
  try {
    return findOnnxRuntime()
  } catch {
    return { version: 'no onnxruntime', binaries: '' }
  }
}

/** Some first bytes of a file, the names in a folder and when it was changed; nothing where there is nothing. */
async function trace(path: string): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isDirectory()) return (await readFile(path, 'utf8')).slice(0, 200)
    return `${(await readdir(path)).sort()} ${path.startsWith('/sys/') ? '' : found.mtimeMs}`
  } catch {
    return ''
  }
}
