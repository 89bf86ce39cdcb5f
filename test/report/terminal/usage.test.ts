import { describe, expect, it } from 'vitest'
import { usageError } from '../../../src/report/terminal/usage.ts'

const line = { program: 'sdtool merge', argv: ['a', '--ration', '1'], options: ['ratio', 'output', 'o'] }

describe('what the parser says', () => {
  it.each([
    ['Not enough arguments following: ratio', '--ratio needs a value'],
    ['Missing required argument: ratio', '--ratio is missing'],
    ['Missing required arguments: ratio, o', '--ratio, -o are missing'],
    ['Arguments ratio and o are mutually exclusive', '--ratio and -o cannot be combined'],
    ['Not enough non-option arguments: got 1, need at least 2', '2 names are required, but only 1 given'],
    ['Not enough non-option arguments: got 0, need at least 1', 'a name is required'],
    ['Too many non-option arguments: got 3, maximum of 2', 'at most 2 names are allowed, but 3 were given'],
    ['Unknown argument: a', 'unexpected argument: a'],
    ['Something\n  else', 'Something else'],
  ])('%j becomes a line of our own', (said, message) => {
    expect(usageError(said, line)).toMatchObject({ code: 'USAGE', exitCode: 2, message })
  })

  it('is followed by the nearest option and the help of the command', () => {
    expect(usageError('Unknown arguments: ration, x', line)).toMatchObject({
      message: 'unknown option: --ration',
      hint: 'Did you mean --ratio? See sdtool merge --help.',
    })
  })
})
