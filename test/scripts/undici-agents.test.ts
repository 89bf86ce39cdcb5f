/** `scripts/undici-agents.mjs` takes files out of the inside of undici, which may move with any version. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const require = createRequire(import.meta.url)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const json = (path: string) => JSON.parse(read(path))

const script = read('scripts/undici-agents.mjs')
const files = [...script.matchAll(/from '\.\.\/(node_modules\/undici\/[^']+)'/g)].map((match) => match[1]!)

const pinned: string = json('package.json').devDependencies.undici
const { version: installed } = json('node_modules/undici/package.json')

const NEXT = `undici ${installed} is installed; scripts/undici-agents.mjs was written for ${pinned}. Look for what moved in node_modules/undici/index.js (which files make Agent and EnvHttpProxyAgent, and what it adds to Dispatcher.prototype), follow it in the script, build, run test/cli/process-civitai.test.ts, then pin the new version.`

describe('what sdtool takes out of undici', () => {
  it('is of a version that is pinned exactly, and installed', () => {
    expect(pinned, 'package.json must name one version of undici, without ^ or ~').toMatch(/^\d+\.\d+\.\d+$/)
    expect(json('package-lock.json').packages[''].devDependencies.undici, 'package-lock.json').toBe(pinned)
    expect(installed, NEXT).toBe(pinned)
  })

  it('stands in files that exist', () => {
    expect(files.length).toBe(4)
    expect(
      files.filter((file) => !existsSync(join(root, file))),
      `missing. ${NEXT}`,
    ).toEqual([])
  })

  it.each(['Agent', 'EnvHttpProxyAgent'])('gives the very %s that undici gives', async (name) => {
    const whole = require('undici')
    const part = await import(join(root, 'scripts/undici-agents.mjs'))
    expect(typeof part[name], `${name} is missing. ${NEXT}`).toBe('function')
    expect(part[name] === whole[name], `${name} is another class. ${NEXT}`).toBe(true)
  })

  it('has the method by which the agent for proxies opens tunnels', () => {
    const agent = read('node_modules/undici/lib/dispatcher/proxy-agent.js')
    expect(/\.connect\(/.test(agent), `the agent for proxies does not call connect any more. ${NEXT}`).toBe(
      true,
    )
    // not by Dispatcher.prototype itself, which the script has changed by now
    const { connect } = require(join(root, 'node_modules/undici/lib/api/index.js'))
    const own = require(join(root, 'node_modules/undici/lib/api/api-connect.js'))
    expect(connect === own, `connect is made by another file. ${NEXT}`).toBe(true)
    const index = read('node_modules/undici/index.js')
    expect(index, `connect is given to dispatchers in another way. ${NEXT}`).toContain(
      'Object.assign(Dispatcher.prototype, api)',
    )
  })
})
