import { describe, expect, it } from 'vitest'
import { startStepProgress } from '../../../src/report/progress/step-progress.ts'
import type { World } from '../../../src/system/world.ts'

function fakeWorld(isTTY: boolean) {
  let [now, said] = [0, '']
  const stderr = { write: (text: string) => (said += text), isTTY, columns: 80 }
  const world = { stderr, now: () => new Date(now) } as unknown as World
  return { world, wait: (ms: number) => (now += ms), said: () => said }
}

describe('progress of steps', () => {
  it('says on a terminal what is loaded, then the time of a step and of all that are left', () => {
    const { world, wait, said } = fakeWorld(true)
    const progress = startStepProgress(world, false)
    progress.stage('loading the UNet')
    wait(60_000) // loading is not part of the time of a step
    progress.step(0, 40, 'picture 1 of 2')
    wait(5000)
    progress.step(2, 40, 'picture 1 of 2')
    progress.end()
    const clear = '\r\u001b[K'
    expect(said().split(clear)).toEqual([
      '',
      'loading the UNet',
      'picture 1 of 2  step 0 of 40',
      'picture 1 of 2  step 2 of 40, 2.50 s per step, 1:35 left',
      '',
    ])
  })

  it('writes a line every ten seconds into a log, and nothing where it shall be quiet', () => {
    const log = fakeWorld(false)
    const progress = startStepProgress(log.world, false)
    progress.step(0, 4, 'picture 1 of 1')
    for (let step = 1; step <= 4; step++) {
      log.wait(6000)
      progress.step(step, 4, 'picture 1 of 1')
    }
    progress.end()
    expect(log.said()).toBe(
      'picture 1 of 1  step 2 of 4, 6.00 s per step, 0:12 left\npicture 1 of 1  step 4 of 4, 6.00 s per step, 0:00 left\n',
    )
    const quiet = fakeWorld(true)
    startStepProgress(quiet.world, true).stage('loading')
    expect(quiet.said()).toBe('')
  })
})
