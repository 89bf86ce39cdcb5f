import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/commands/registry.ts'
import { runCli } from './run.ts'

describe('sdtool', () => {
  it('prints its version and nothing else', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: '9.9.9\n', stderr: '' })
  })

  it('lists every command in its help', async () => {
    const { code, stdout } = await runCli(['--help'])
    expect(code).toBe(0)
    // long descriptions go on in the next line
    const text = stdout.replace(/\s+/g, ' ')
    for (const { name, describe } of COMMANDS) expect(text).toContain(`sdtool ${name} ${describe}`)
    expect(stdout).toContain('Exit codes: 0 done')
  })

  it.each(COMMANDS.map(({ name }) => name))(
    '%s --help explains its options and gives examples',
    async (name) => {
      const { code, stdout, stderr } = await runCli([...name.split(' '), '--help'])
      expect([code, stderr]).toEqual([0, ''])
      const examples = stdout.slice(stdout.indexOf('Examples:'))
      expect(examples.match(new RegExp(`sdtool ${name} `, 'g'))?.length).toBeGreaterThanOrEqual(2)
      expect(stdout).toContain('--json')
    },
  )

  it.each([
    [[], 'Name a command, for example: sdtool inspect model.safetensors', 'See sdtool --help.'],
    [['inspct', 'x'], 'unknown command: inspct', 'Did you mean inspect? See sdtool --help.'],
    [['model.ckpt'], 'unknown command: model.ckpt', 'See sdtool --help.'],
    [
      ['inspect', 'x.ckpt', '--keyz', 'vae'],
      'unknown option: --keyz',
      'Did you mean --keys? See sdtool inspect --help.',
    ],
    [['inspect', 'x.ckpt', '-qz'], 'unknown option: -z', 'See sdtool inspect --help.'],
    [
      ['prune', 'x.ckpt', '--ema', 'onyl'],
      '--ema onyl: not a valid choice',
      'Choices are only, drop, keep. See sdtool prune --help.',
    ],
    [['prune', 'x.ckpt', '--ema'], '--ema needs a value: only, drop, keep', 'See sdtool prune --help.'],
    [['prune', 'x.ckpt', '--dry-run=1'], '--dry-run takes no value', 'Write --dry-run alone.'],
  ])('says in one line what is wrong with %j, and what to do', async (args, message, hint) => {
    const stderr = `sdtool: ${message}\n  ${hint}\n`
    expect(await runCli(args)).toEqual({ code: 2, stdout: '', stderr })
  })

  it('takes the first word as the command, even if a file is named like another', async () => {
    const { code, stderr } = await runCli(['convert', 'inspect'])
    expect([code, stderr.split('\n')[0]]).toEqual([1, 'sdtool: inspect does not exist'])
  })

  it('completes commands and options', async () => {
    const commands = await runCli(['--get-yargs-completions', 'sdtool', 'p'])
    expect(commands.stdout).toContain('prune')
    const options = await runCli(['--get-yargs-completions', 'sdtool', 'prune', '--e'])
    expect(options.stdout.split('\n')).toEqual(expect.arrayContaining(['--ema', '--models']))
    expect(options.stdout).not.toMatch(/^--\w$/m)
    expect((await runCli(['completion'])).stdout).toContain('sdtool')
  })
})
