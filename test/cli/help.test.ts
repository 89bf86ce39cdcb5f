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
    for (const { name, describe } of COMMANDS)
      expect(stdout).toMatch(new RegExp(`sdtool ${name} +${describe}`))
    expect(stdout).toContain('Exit codes: 0 done')
  })

  it.each(COMMANDS.map(({ name }) => name))(
    '%s --help explains its options and gives examples',
    async (name) => {
      const { code, stdout, stderr } = await runCli([name, '--help'])
      expect([code, stderr]).toEqual([0, ''])
      const examples = stdout.slice(stdout.indexOf('Examples:'))
      expect(examples.match(new RegExp(`sdtool ${name} `, 'g'))?.length).toBeGreaterThanOrEqual(2)
      expect(stdout).toContain('--json')
    },
  )

  it('asks for a command', async () => {
    expect(await runCli([])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'sdtool: Name a command, for example: sdtool inspect model.safetensors\n' +
        '  Run with --help to see the commands and options.\n',
    })
  })

  it('guesses what a misspelt command was meant to be', async () => {
    const { code, stderr } = await runCli(['inspct', 'x'])
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean inspect?')
  })

  it('refuses options it does not have', async () => {
    const { code, stderr } = await runCli(['inspect', 'x.ckpt', '--dtpye', 'fp16'])
    expect(code).toBe(2)
    expect(stderr).toContain('Unknown argument: dtpye')
  })

  it('takes the first word as the command, even if a file is named like another', async () => {
    const { code, stderr } = await runCli(['convert', 'inspect'])
    expect([code, stderr.split('\n')[0]]).toEqual([1, 'sdtool: inspect does not exist'])
  })

  it('completes commands and options', async () => {
    const commands = await runCli(['--get-yargs-completions', 'sdtool', 'p'])
    expect(commands.stdout).toContain('prune')
    const options = await runCli(['--get-yargs-completions', 'sdtool', 'prune', '--e'])
    expect(options.stdout).toContain('--ema')
    expect((await runCli(['completion'])).stdout).toContain('sdtool')
  })
})
