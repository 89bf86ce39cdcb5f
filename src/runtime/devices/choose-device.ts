import { SdtoolError } from '../../system/errors.ts'
import type { SessionWorld } from '../sessions/session.ts'
import { CPU, DEVICES, type Device, type DeviceId, deviceKind } from './devices.ts'
import { messages } from './messages.ts'
import { type Measured, measureCpu, type Probe, probeDevice } from './probe.ts'
import { supportedDevices } from './supported-devices.ts'

export interface ChosenDevice {
  readonly device: Device
  /** One line: what was taken, and why nothing better. */
  readonly why: string
}

/** What choosing needs of the machine; passed in, so that tests can have any. */
export interface Machine {
  /** Those that this build of onnxruntime has. */
  supported(): Promise<readonly DeviceId[]>
  cpu(): Promise<Measured>
  probe(id: DeviceId, expected: Measured): Promise<Probe>
}

export function thisMachine(world: SessionWorld): Machine {
  return {
    supported: supportedDevices,
    cpu: () => measureCpu(world),
    probe: (id, expected) => probeDevice(deviceKind(id), expected, world),
  }
}

/**
 * Takes the device that was asked for, or the best that really works.
 * @throws DEVICE_UNAVAILABLE (exit 1) when a device was asked for that does not work
 */
export async function chooseDevice(wish: DeviceId | 'auto', machine: Machine): Promise<ChosenDevice> {
  if (wish === 'cpu') return { device: CPU, why: messages.cpuRequested }
  return wish === 'auto' ? bestDevice(machine) : wishedDevice(wish, machine)
}

async function wishedDevice(wish: DeviceId, machine: Machine): Promise<ChosenDevice> {
  const { title, needs } = deviceKind(wish)
  const refusal = (reason: string) =>
    new SdtoolError('DEVICE_UNAVAILABLE', messages.doesNotWork(title, reason), {
      hint: messages.needs(needs()),
    })
  if (!(await machine.supported()).includes(wish)) throw refusal(notBuilt())
  const probe = await machine.probe(wish, await machine.cpu())
  if (probe.device === undefined) throw refusal(probe.problem ?? messages.noAnswer)
  return { device: probe.device, why: messages.deviceRequested(title, precisionOf(probe.device)) }
}

export const notBuilt = (): string => messages.notBuilt

async function bestDevice(machine: Machine): Promise<ChosenDevice> {
  const supported = await machine.supported()
  const candidates = DEVICES.filter(({ id }) => id !== 'cpu' && supported.includes(id))
  if (candidates.length === 0) return { device: CPU, why: messages.onlyCpu }
  const expected = await machine.cpu()
  const reasons: string[] = []
  for (const { id, title } of candidates) {
    const probe = await machine.probe(id, expected)
    const problem = probe.problem ?? slowness(probe, expected)
    if (probe.device && problem === undefined)
      return { device: probe.device, why: messages.deviceWorks(title, precisionOf(probe.device)) }
    reasons.push(`${title}: ${problem}`)
  }
  return { device: CPU, why: messages.noCardWorks(reasons.join('; ')) }
}

function precisionOf({ half }: Device): string {
  return half ? 'fp16' : 'fp32'
}

/**
 * The small network of the probe takes a card some milliseconds, mostly for its hundred kernels to start; a renderer
 * in software takes seconds.
 */
const MAX_SLOWDOWN = 30

/** Why a device that works should not be used. */
export function slowness({ seconds }: Probe, cpu: Measured): string | undefined {
  if (seconds === undefined || seconds <= MAX_SLOWDOWN * cpu.seconds) return undefined
  return messages.softwareRenderer(Math.round(seconds / cpu.seconds))
}
