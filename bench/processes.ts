/** What a process and those it started took, as Linux counts it. */
import { readFileSync } from 'node:fs'

export interface Peak {
  /** Of the process that had the most. */
  readonly largestGigabytes: number
  /** Of all together, if each had its most at the same time. */
  readonly sumGigabytes: number
}

/**
 * Largest resident memory of a process and its children while `work` runs, looked at ten times a second: the most each
 * ever had (VmHWM). Pages of the mapped model file count only while they are in use: the system takes them back when
 * it needs memory.
 */
export async function peakOf<T>(pid: number, work: () => Promise<T>): Promise<{ result: T; peak: Peak }> {
  const highest = new Map<number, number>()
  const look = setInterval(() => {
    // of one that has just ended nothing is told any more
    for (const [id, bytes] of ofTree(pid, residentBytes)) {
      highest.set(id, Math.max(bytes, highest.get(id) ?? 0))
    }
  }, 100)
  try {
    const result = await work()
    const gigabytes = [...highest.values()].map((bytes) => bytes / 1e9)
    const sum = gigabytes.reduce((total, one) => total + one, 0)
    return { result, peak: { largestGigabytes: Math.max(...gigabytes), sumGigabytes: sum } }
  } finally {
    clearInterval(look)
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
}

/** Clock ticks of Linux. */
const TICKS = 100

/** Seconds of processor of a process and its children, in the kernel and outside. */
export function processorSeconds(pid: number): number {
  return ofTree(pid, ownSeconds).reduce((sum, [, seconds]) => sum + seconds, 0)
}

function ownSeconds(pid: number): number {
  // behind the name of the program, which may have spaces
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Of a process and those it started. */
function ofTree(pid: number, value: (pid: number) => number): [number, number][] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
    return [[pid, value(pid)], ...children.flatMap((child) => ofTree(Number(child), value))]
  } catch {
    return [] // it ended meanwhile
  }
}
