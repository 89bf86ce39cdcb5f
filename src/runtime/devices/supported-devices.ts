import { loadOnnxRuntime } from '../sessions/onnxruntime.ts'
import { DEVICE_IDS, type DeviceId } from './devices.ts'

/**
 * The devices that this build of onnxruntime has code for, whether or not they are there.
 * @throws what `loadOnnxRuntime` throws
 */
export async function supportedDevices(): Promise<DeviceId[]> {
  const names = new Set(
    loadOnnxRuntime()
      .listSupportedBackends()
      .map(({ name }) => name),
  )
  return DEVICE_IDS.filter((id) => names.has(id))
}
