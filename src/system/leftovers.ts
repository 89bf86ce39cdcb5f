/**
 * Temporary files and folders carry in their names the process they are of: `.model.safetensors.4711@host.1a2b3c4d.part`.
 * So what a killed run left behind can be told from what another one is still writing, and goes with the next run.
 */
import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

export interface Processes {
  /** Containers and machines that share a disk number their processes alike. */
  readonly host: string
  readonly pid: number
  isAlive(pid: number): boolean
}

/** Linux numbers the processes of each container anew: `pid:[4026531836]` is the numbering of the machine itself. */
const MACHINE = 'pid:[4026531836]'

/** Containers may share a folder and even the name of their host, but not how their processes are numbered. */
function thisHost(): string {
  let numbering = MACHINE
  try {
    numbering = readlinkSync('/proc/self/ns/pid')
  } catch {
    // of another system, on which there are no such containers
  }
  return numbering === MACHINE
    ? hostname()
    : `${hostname().slice(0, MAX_HOST / 2)}-${numbering.replace(/\D/g, '')}`
}

/** Longer ones are cut: names have a limit of their own. */
const MAX_HOST = 40

const THIS_PROCESS: Processes = {
  host: thisHost(),
  pid: process.pid,
  isAlive(pid) {
    try {
      // signal 0 asks whether there is such a process
      return process.kill(pid, 0)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  },
}

/** What a run marks its temporary names with. */
export function ownerOf({ pid, host }: Processes): string {
  return `${pid}@${host.replace(/[^\w-]/g, '_').slice(0, MAX_HOST)}`
}

export const OWNER = ownerOf(THIS_PROCESS)

const OWNED = /\.(?<owner>(?<pid>\d{1,10})@[\w-]+)\.[0-9a-f]{8}\.part$/

/**
 * Removes from a folder what runs of this machine left there that are no more. What cannot be removed stays.
 * @returns the names of what was removed
 */
export async function removeLeftovers(folder: string, processes = THIS_PROCESS): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => [])
  const stale = names.filter((name) => {
    const { owner, pid } = OWNED.exec(name)?.groups ?? {}
    const isOurs = owner === ownerOf({ ...processes, pid: Number(pid) })
    return isOurs && Number(pid) !== processes.pid && !processes.isAlive(Number(pid))
  })
  for (const name of stale) await rm(join(folder, name), { recursive: true, force: true }).catch(() => {})
  return stale
}

export interface TemporaryFolder {
  readonly path: string
  /** Removes it with all that is in it. Never throws. */
  remove(): Promise<void>
}

/** Makes a folder for this run, `<stem>.<owner>.<random>.part`, where those of dead ones are removed first. */
export async function temporaryFolder(parent: string, stem: string): Promise<TemporaryFolder> {
  await removeLeftovers(parent)
  const path = join(parent, `${stem}.${OWNER}.${randomBytes(4).toString('hex')}.part`)
  await mkdir(path)
  return { path, remove: () => rm(path, { recursive: true, force: true }).catch(() => {}) }
}
