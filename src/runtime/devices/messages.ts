import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  nothing: 'nothing',
  notFinite: (title: string, bad: number, values: number) =>
    `the ${title} gave NaN or infinity in ${bad} of ${values} values`,
  useFp32: 'Its numbers exceed the range of fp16: use --precision fp32.',
  damagedWeights:
    'Its weights are damaged, or were rounded to fp16 out of range: sdtool inspect counts them.',
  cpuRequested: 'CPU, as requested',
  doesNotWork: (title: string, reason: string) => `${title} does not work here: ${reason}`,
  needs: (needs: string) => `It needs ${needs}. --device auto uses what works.`,
  noAnswer: 'it gave no answer',
  deviceRequested: (title: string, precision: string) => `${title}, as requested (${precision})`,
  notBuilt: 'onnxruntime does not support it on this system',
  onlyCpu: 'CPU: onnxruntime supports nothing else on this system',
  deviceWorks: (title: string, precision: string) => `${title}: it works, in ${precision}`,
  noCardWorks: (reasons: string) => `CPU, as no graphics card works (${reasons})`,
  softwareRenderer: (times: number) =>
    `${times} times slower than the CPU, so not a card but a software renderer`,
  needsCuda:
    'an NVIDIA card, CUDA 12 and cuDNN 9, and the libraries that onnxruntime-node fetches when it is installed without ONNXRUNTIME_NODE_INSTALL=skip (Linux x64 only)',
  needsDirectMl: 'Windows 10 or later and any card with a DirectX 12 driver',
  needsWebGpu: 'a card with a Vulkan driver on Linux, DirectX 12 on Windows, or a Mac with an M chip',
  needsCoreMl: 'a Mac with an M chip',
  resultsOff: (percent: string, precision: string) => `its results are off by ${percent} % (${precision})`,
  tooSlow: (seconds: number) => `it gave no answer within ${seconds} s`,
  noGraphicsCard: 'there is no graphics card with a driver that WebGPU can use',
  noCudaLibraries: 'the CUDA libraries of onnxruntime are not installed',
  noHalfFloats: 'the card or its driver does not support it',
})
