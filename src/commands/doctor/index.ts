import { cpus, totalmem } from 'node:os'
import { engineOf } from '../../operations/engine.ts'
import { openDeviceCache } from '../../operations/render/device-cache.ts'
import { envelope, printResults, withNulls } from '../../report/document/envelope.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes } from '../../report/text/text.ts'
import {
  chooseDevice,
  type Machine,
  notBuilt,
  slowness,
  thisMachine,
} from '../../runtime/devices/choose-device.ts'
import { DEVICES, type DeviceId, type DeviceKind } from '../../runtime/devices/devices.ts'
import type { Measured, Probe } from '../../runtime/devices/probe.ts'
import { availableMemory } from '../../runtime/sessions/memory.ts'
import { findOnnxRuntime } from '../../runtime/sessions/onnxruntime.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, SdtoolError } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { commonOptions, withCommonOptions } from '../shared/options.ts'
import { messages } from './messages.ts'
import type { DoctorResult } from './schema.ts'

/** What a check of one device found. */
export interface DeviceReport {
  readonly id: string
  readonly title: string
  readonly works: boolean
  /** It computes in float16. */
  readonly fp16: boolean
  /** `--device auto` uses the first of these. */
  readonly recommended: boolean
  readonly seconds?: number
  readonly problem?: string
  readonly fp16Problem?: string
  readonly needs?: string
}

export interface DoctorReport {
  readonly sdtool: string
  readonly node: string
  /** Its version; null if it cannot be loaded: rendering does not work then. */
  readonly onnxruntime: string | null
  readonly onnxruntimeProblem?: OnnxRuntimeProblem
  /** What multiplies matrices for what is written. */
  readonly products: string
  readonly platform: string
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  readonly freeBytes: number
  readonly devices: readonly DeviceReport[]
  /** What `--device auto` uses; null where nothing works. */
  readonly auto: string | null
}

interface OnnxRuntimeProblem {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

export const doctorCommand: Command = {
  positionals: '',
  get examples() {
    return [
      ['$0 doctor', messages.exampleDevices],
      ['$0 doctor --json', messages.exampleJson],
    ] as const
  },
  options: withCommonOptions,
  async run(args: Arguments, world: World): Promise<ExitCode> {
    const { json, quiet } = commonOptions(args)
    const sessionWorld = { ...(world.sessions && { sessions: world.sessions }), signal: world.signal }
    const say = (title: string) => {
      if (!quiet && !json) world.stderr.write(`${messages.trying(title)}\n`)
    }
    const machine = remembering(thisMachine(sessionWorld))
    const report = await examine(machine, say, world)
    // what was found now is what the next run of render takes
    if (report.auto !== null)
      await (await openDeviceCache(world)).set('auto', await chooseDevice('auto', machine))
    const page = () => doctorPage(report, world.stdout.columns)
    printResults(envelope('doctor', { results: [reportJson(report)] }, world), page, { json, quiet }, world)
    return EXIT.ok
  },
}

/** The report is about this installation: Node, and what it can load. */
function reportJson({ sdtool, devices, onnxruntimeProblem, ...facts }: DoctorReport): DoctorResult {
  return {
    path: process.execPath,
    ...facts,
    onnxruntimeProblem: onnxruntimeProblem ? withNulls(onnxruntimeProblem, 'hint') : null,
    devices: devices.map((device) => withNulls(device, 'seconds', 'problem', 'fp16Problem', 'needs')),
    error: null,
  }
}

/** A machine on which nothing is tried twice. */
export function remembering(machine: Machine): Machine {
  let cpu: Promise<Measured> | undefined
  const probes = new Map<DeviceId, Promise<Probe>>()
  return {
    supported: machine.supported,
    cpu() {
      cpu ??= machine.cpu()
      return cpu
    },
    probe(id, expected) {
      const probe = probes.get(id) ?? machine.probe(id, expected)
      probes.set(id, probe)
      return probe
    },
  }
}

/**
 * Tries every device of a machine, and calls `say` before each.
 * @throws what the probes throw besides `SdtoolError`
 */
export async function examine(
  machine: Machine,
  say: (title: string) => void,
  world: Pick<World, 'version' | 'matmul'>,
): Promise<DoctorReport> {
  const found = await tryDevices(machine, say)
  const [first] = cpus()
  return {
    sdtool: world.version,
    node: process.version,
    ...found,
    products: (await engineOf(world)).name,
    platform: `${process.platform} ${process.arch}`,
    processor: first?.model.trim() ?? messages.unknownProcessor,
    cores: cpus().length,
    memoryBytes: totalmem(),
    freeBytes: availableMemory(),
  }
}

type Found = Pick<DoctorReport, 'onnxruntime' | 'onnxruntimeProblem' | 'devices' | 'auto'>

async function tryDevices(machine: Machine, say: (title: string) => void): Promise<Found> {
  const engine = await working(machine).catch((error: unknown) => {
    if (error instanceof SdtoolError) return error
    throw error
  })
  if (engine instanceof SdtoolError) return withoutOnnxRuntime(engine)
  const { version, supported, cpu } = engine
  const devices: DeviceReport[] = []
  for (const kind of DEVICES) {
    if (!supported.includes(kind.id)) {
      devices.push(reportOf(kind, { kind, problem: notBuilt() }, cpu))
      continue
    }
    say(kind.title)
    devices.push(reportOf(kind, await machine.probe(kind.id, cpu), cpu))
  }
  return { onnxruntime: version, devices, auto: devices.find(({ recommended }) => recommended)?.id ?? null }
}

/** @throws what `loadOnnxRuntime` throws, SESSION_FAILED or SESSION_ENDED (exit 1) where it loads but computes nothing */
async function working(machine: Machine) {
  const supported = await machine.supported()
  return { supported, cpu: await machine.cpu(), version: findOnnxRuntime().version }
}

function withoutOnnxRuntime({ code, message, hint }: SdtoolError): Found {
  const devices = DEVICES.map(({ id, title, needs }) => {
    return {
      id,
      title,
      works: false,
      fp16: false,
      recommended: false,
      problem: messages.noOnnxRuntime,
      needs: needs(),
    }
  })
  const problem = { code, message, ...defined({ hint }) }
  return { onnxruntime: null, onnxruntimeProblem: problem, devices, auto: null }
}

function reportOf({ id, title, needs }: DeviceKind, probe: Probe, cpu: Measured): DeviceReport {
  const works = probe.device !== undefined
  const slow = id === 'cpu' ? undefined : slowness(probe, cpu)
  const problem = probe.problem ?? slow
  return {
    id,
    title,
    works,
    fp16: probe.device?.half ?? false,
    recommended: works && slow === undefined,
    ...defined({ seconds: probe.seconds, problem, fp16Problem: probe.halfProblem }),
    ...(!works && { needs: needs() }),
  }
}

/** The page. @param columns of the terminal */
export function doctorPage(report: DoctorReport, columns?: number): string {
  const { sdtool, node, platform, processor, cores, memoryBytes, freeBytes } = report
  const versions =
    report.onnxruntime === null
      ? messages.versionsWithoutOnnx(sdtool, node, platform)
      : messages.versions(sdtool, node, report.onnxruntime, platform)
  const rows = report.devices.map((device) => [
    device.title,
    device.works ? messages.works : messages.no,
    device.works ? (device.fp16 ? messages.yes : messages.no) : '',
    device.seconds === undefined ? '' : messages.milliseconds((1000 * device.seconds).toFixed(1)),
    noteOf(device),
  ])
  const table = [
    { head: messages.device },
    { head: messages.state },
    { head: messages.fp16 },
    { head: messages.probe, align: 'right' },
    { head: messages.note },
  ] as const
  return [
    versions,
    messages.machine(processor, cores, formatBytes(freeBytes), formatBytes(memoryBytes)),
    messages.products(report.products),
    '',
    ...(report.onnxruntimeProblem
      ? problemLines(report.onnxruntimeProblem)
      : [formatTable(table, rows, columns)]),
    '',
    autoLine(report),
    '',
  ].join('\n')
}

function problemLines({ message, hint }: OnnxRuntimeProblem): string[] {
  return [message, ...(hint === undefined ? [] : [`  ${hint}`])]
}

function autoLine({ devices, auto }: DoctorReport): string {
  const device = devices.find(({ id }) => id === auto)
  return device ? messages.autoDevice(device.title) : messages.noDevice
}

function noteOf({ problem, needs, fp16Problem }: DeviceReport): string {
  const notes = [problem, fp16Problem && messages.noFp16(fp16Problem), needs && messages.needs(needs)]
  return notes.filter(Boolean).join('. ')
}
