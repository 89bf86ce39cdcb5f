/** Devices that can run a graph: which there are, how onnxruntime is told, and what each can do. */

export const DEVICE_IDS = ['cuda', 'dml', 'webgpu', 'coreml', 'cpu'] as const
export type DeviceId = (typeof DEVICE_IDS)[number]

/** A device that was probed and works. */
export interface Device {
  readonly id: DeviceId
  /** For people: "CPU", "WebGPU". */
  readonly title: string
  /** Whether it computes in float16. */
  readonly half: boolean
}
