/** What a process and those it started took, as Linux counts it. */
import { readFileSync } from 'node:fs'

export interface Peak {
  /** Of the process that had the most. */
  readonly largestGigabytes: number
  /** Of all that were there at the same time. */
  readonly sumGigabytes: number
}

/**
 * Largest resident memory of a process and its children while `work` runs, looked at ten times a second: the most each
 * ever had (VmHWM). Pages of the mapped model file count only while they are in use: the system takes them back when
 * it needs memory.
 */
export async function peakOf<T>(pid: number, work: () => Promise<T>): Promise<{ result: T; peak: Peak }> {
  let [largest, sum] = [0, 0]
  const look = setInterval(() => {
    const bytes = ofTree(pid, residentBytes).map(([, own]) => own)
    largest = Math.max(largest, ...bytes)
    sum = Math.max(
      sum,
      bytes.reduce((total, own) => total + own, 0),
    )
  }, 100)
  try {
    const result = await work()
    return { result, peak: { largestGigabytes: largest / 1e9, sumGigabytes: sum / 1e9 } }
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
