import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startDouble, TOKEN } from '../civitai/double.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli, runTyping } from './run.ts'

async function setup() {
  const double = await startDouble()
  const home = tempFolder()
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: home }
  return { double, env, config: join(home, '.config/sdtool/config.json') }
}

describe('sdtool login', () => {
  it('checks the key, and keeps it where only its owner can read it', async () => {
    const { env, config } = await setup()
    const { code, stdout, stderr } = await runTyping(['login'], [`${TOKEN}\n`], env)
    expect([code, stdout, stderr]).toEqual([0, `the key of ada (free) works; it is saved in ${config}\n`, ''])
    expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({ civitaiToken: TOKEN })
    expect(statSync(config).mode & 0o777).toBe(0o600)
    const check = await runCli(['login', '--check', '--json'], undefined, env)
    expect(JSON.parse(check.stdout).results).toEqual([
      { path: config, username: 'ada', tier: 'free', removed: false, error: null },
    ])
  })

  it('keeps no key that the site does not know', async () => {
    const { env, config } = await setup()
    const { code, stderr } = await runTyping(['login'], ['wrong-key-wrong-key'], env)
    expect([code, stderr.includes('does not accept the token')]).toEqual([1, true])
    expect(stderr).not.toContain('wrong-key')
    expect(existsSync(config)).toBe(false)
  })

  it('takes a key typed on a terminal without showing it, key by key, with corrections', async () => {
    const { env, config } = await setup()
    const keys = [...TOKEN.slice(0, 5), 'x', '\u007f', ...TOKEN.slice(5), '\r']
    const { code, stdout, stderr } = await runTyping(['login'], keys, env, true)
    expect([code, (stdout + stderr).includes(TOKEN.slice(5))]).toEqual([0, false])
    expect(JSON.parse(readFileSync(config, 'utf8')).civitaiToken).toBe(TOKEN)
  })

  it('stops at Ctrl-C on a terminal', async () => {
    const { env, config } = await setup()
    expect((await runTyping(['login'], ['tok', '\u0003'], env, true)).code).toBe(130)
    expect(existsSync(config)).toBe(false)
  })

  it('forgets the key, and nothing else in the file', async () => {
    const { env, config } = await setup()
    await runTyping(['login'], [TOKEN], env)
    writeFileSync(config, JSON.stringify({ civitaiToken: TOKEN, other: 1 }))
    expect((await runCli(['login', '--remove'], undefined, env)).code).toBe(0)
    expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({ other: 1 })
    expect((await runCli(['login', '--check'], undefined, env)).code).toBe(1)
  })

  it('warns of a file that others may read', async () => {
    const { env, config } = await setup()
    mkdirSync(join(config, '..'), { recursive: true })
    writeFileSync(config, JSON.stringify({ civitaiToken: TOKEN }))
    chmodSync(config, 0o644)
    const { code, stderr } = await runCli(['login', '--check'], undefined, env)
    expect([code, stderr]).toEqual([
      0,
      `sdtool: ${config} holds a token and can be read by other users: chmod 600 ${config}\n`,
    ])
  })

  it.each(['CIVITAI_TOKEN', 'CIVITAI_API_TOKEN', 'CIVITAI_API_KEY'])(
    'uses the key of %s before the file',
    async (name) => {
      const { env } = await setup()
      const { stdout } = await runCli(['login', '--check'], undefined, { ...env, [name]: TOKEN })
      expect(stdout).toBe(`the key from ${name} belongs to ada (free)\n`)
    },
  )
})
