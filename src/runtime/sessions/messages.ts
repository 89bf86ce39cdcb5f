import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  sessionEnded: (code: number | null) => `the process that ran the network ended with code ${code}`,
  sessionKilled: (signal: string) => `the process that ran the network was ended by ${signal}`,
  notLoaded: (said: string) => `onnxruntime could not load the network: ${said}`,
  notRun: (said: string) => `onnxruntime could not run the network: ${said}`,
  notInstalled: 'onnxruntime-node, which renders, is not installed',
  binaryGone:
    'onnxruntime-node, which renders, has no binary for this system: the one that came with it is gone',
  noBinary: (system: string) =>
    `onnxruntime-node, which renders, has no binary for this system: there is none for ${system}`,
  cannotLoad: (said: string) => `onnxruntime-node, which renders, cannot be loaded: ${said}`,
  cannotLoadOn: (system: string, said: string) =>
    `onnxruntime-node, which renders, cannot be loaded on ${system}: ${said}`,
  onlyRender: 'Everything but render works without it.',
  needsGlibc:
    'It needs a Linux with glibc, such as Debian or Ubuntu: in a container, node:22-slim instead of node:22-alpine.',
  drawOn: (systems: string) => `Render on one of ${systems}.`,
  install: (command: string) => `${command} installs it.`,
  installWithoutCuda: (command: string) =>
    `${command} installs it, without the CUDA libraries, which its installer may not have been able to fetch.`,
  reinstall: (command: string) => `after npm uninstall -g sdtool, ${command} installs it.`,
  reinstallWithoutCuda: (command: string) =>
    `after npm uninstall -g sdtool, ${command} installs it, without the CUDA libraries, which its installer may not have been able to fetch.`,
  needsVisualC: (arch: string, again: string) =>
    `It needs the Microsoft Visual C++ Redistributable for ${arch}. If that is installed: ${again}`,
  brokenCopy: (again: string) =>
    `The reason may be an incomplete download, or a copy from another kind of machine: ${again}`,
  notEnoughMemory: (what: string, bytes: string, available: string) =>
    `${what} needs about ${bytes} of memory, ${available} are free`,
  theComponent: (title: string) => `the ${title}`,
  freeMemory:
    'Close other programs, render smaller images, or use a graphics card (sdtool doctor lists what is available).',
  outOfMemory: 'Most likely the system ran out of memory: close other programs, or render smaller images.',
  tryDevices: 'sdtool doctor tries every device; --device cpu works everywhere.',
})
