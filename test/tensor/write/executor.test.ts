import { describe, expect, it } from 'vitest'
import { workerExecutor } from '../../../src/tensor/write/executor.ts'
import type { Batch } from '../../../src/tensor/write/jobs.ts'

const BATCH: Batch = []
const TASK = { outputPath: 'out', matmul: undefined, checksums: false, summed: [] }

function script(code: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

describe('workerExecutor', () => {
  it('rejects what is under way, and every later job at once, with the reason the thread died of', async () => {
    const executor = workerExecutor(TASK, script('throw new Error("no such luck")'))
    await expect(executor.run(BATCH)).rejects.toThrow('no such luck')
    await executor.close()
    await expect(executor.run(BATCH)).rejects.toThrow('no such luck')
  })

  it('does so too when the thread just ends', async () => {
    const executor = workerExecutor(TASK, script('process.exit(0)'))
    await expect(executor.run(BATCH)).rejects.toThrow('ended early')
    await expect(executor.run(BATCH)).rejects.toThrow('ended early')
    await executor.close()
  })
})
