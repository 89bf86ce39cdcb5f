import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  exampleDevices: 'Which devices can render here, what each can do, and what the others lack',
  exampleJson: 'The same as one JSON document, for bug reports',
  trying: (device: string) => `trying ${device} ...`,
  unknownProcessor: 'unknown processor',
  noOnnxRuntime: 'onnxruntime does not work',
  versions: (sdtool: string, node: string, onnxruntime: string, platform: string) =>
    `sdtool ${sdtool}, Node ${node}, onnxruntime ${onnxruntime}, ${platform}`,
  versionsWithoutOnnx: (sdtool: string, node: string, platform: string) =>
    `sdtool ${sdtool}, Node ${node}, no onnxruntime, ${platform}`,
  machine: (processor: string, cores: number, free: string, memory: string) =>
    `${processor}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${free} of ${memory} memory free`,
  products: (engine: string) => `matrices are multiplied by ${engine}`,
  device: 'device',
  state: 'state',
  fp16: 'fp16',
  probe: 'probe',
  note: 'note',
  works: 'works',
  yes: 'yes',
  no: 'no',
  milliseconds: (milliseconds: string) => `${milliseconds} ms`,
  noFp16: (reason: string) => `no fp16: ${reason}`,
  needs: (what: string) => `needs ${what}`,
  autoDevice: (device: string) => `--device auto uses ${device}.`,
  noDevice: 'Rendering does not work here.',
})
