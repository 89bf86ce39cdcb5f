import { DEVICE_IDS, type DeviceId } from './devices.ts'

/** The devices that this build of onnxruntime has code for, whether or not they are there. */
export async function supportedDevices(): Promise<DeviceId[]> {
  const { listSupportedBackends } = await import('onnxruntime-node')
  const names = new Set(listSupportedBackends().map(({ name }) => name))
  return DEVICE_IDS.filter((id) => names.has(id))
}
