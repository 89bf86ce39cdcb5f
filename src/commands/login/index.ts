import { openApi } from '../../civitai/api/api.ts'
import { configPath, isToken, storeToken } from '../../civitai/api/config.ts'
import { secret } from '../../civitai/http/secret.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { EXIT, type ExitCode, SdtoolError, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { InputStream, World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { type Client, withCivitai } from '../shared/civitai-client.ts'
import { withCivitaiUrl } from '../shared/civitai-options.ts'
import { commonOptions, flag, withCommonOptions } from '../shared/options.ts'
import type { LoginResult } from './schema.ts'

export const loginCommand: Command = {
  positionals: '',
  examples: [
    ['$0 login', 'Asks for the key, checks it, and keeps it in a file only you can read'],
    ['$0 login < key.txt', 'Takes it from a file or a password manager'],
    ['$0 login --check', 'Whose key is in use, and where it is from'],
    ['$0 login --remove', 'Forgets the key'],
  ],
  options: (yargs) =>
    withCivitaiUrl(withCommonOptions(yargs))
      .option('check', { type: 'boolean', describe: 'Say whose key is in use' })
      .option('remove', { type: 'boolean', describe: 'Forget the key that was kept' })
      .conflicts('check', 'remove'),
  run: (args, world) => {
    if (flag(args, 'remove')) return forget(args, world)
    return withCivitai(args, world, (client) =>
      flag(args, 'check') ? check(args, client, world) : login(args, client, world),
    )
  },
}

interface Account {
  readonly username: string
  readonly tier?: string
}

async function login(args: Arguments, client: Client, world: World): Promise<ExitCode> {
  const path = configFile(world)
  const token = await readToken(world)
  const account = await openApi({ ...client.site, token: secret(token, 'the input') }, client.http).me()
  await storeToken(path, token)
  return say(args, world, account, path, `the key of ${nameOf(account)} works; it is kept in ${path}`)
}

async function check(args: Arguments, { site, apiOf }: Client, world: World): Promise<ExitCode> {
  if (!site.token)
    throw new SdtoolError('CIVITAI_LOGIN_REQUIRED', 'there is no key', {
      hint: 'Run sdtool login, or set CIVITAI_TOKEN.',
    })
  const account = await apiOf(site).me()
  const { origin } = site.token
  return say(args, world, account, origin, `the key of ${origin} is that of ${nameOf(account)}`)
}

async function forget(args: Arguments, world: World): Promise<ExitCode> {
  const path = configFile(world)
  await storeToken(path, undefined)
  return say(args, world, undefined, path, `no key is kept in ${path} any more`)
}

/** @param path where the key is kept: a file, or the name of a variable; without an account it is gone from there */
function say(
  args: Arguments,
  world: World,
  account: Account | undefined,
  path: string,
  text: string,
): ExitCode {
  const { username = null, tier = null } = account ?? {}
  const result: LoginResult = { path, username, tier, removed: account === undefined, error: null }
  printResults(envelope('login', { results: [result] }, world), () => `${text}\n`, commonOptions(args), world)
  return EXIT.ok
}

function nameOf({ username, tier }: Account): string {
  return `${printable(username)}${tier === undefined ? '' : ` (${printable(tier)})`}`
}

/** @throws NO_HOME */
function configFile({ env }: World): string {
  const path = configPath(env)
  if (path !== undefined) return path
  throw new SdtoolError('NO_HOME', 'there is no home folder to keep a key in', {
    hint: 'Set HOME or XDG_CONFIG_HOME; or use CIVITAI_TOKEN instead.',
  })
}

/** Longer than any key: what follows is not read. */
const MAX_TYPED = 8192

/** One line of the input, never shown. @throws USAGE */
async function readToken({ stdin, stderr, signal }: World): Promise<string> {
  if (!stdin) throw usage('there is no input to read the key from')
  const typed = stdin.isTTY === true
  if (typed) stderr.write('API key (from the account page of the site; it is not shown): ')
  if (typed) stdin.setRawMode?.(true)
  try {
    const token = (await firstLine(stdin, signal)).trim()
    if (isToken(token)) return token
    throw usage(
      'that is no API key',
      'Copy it from the account page of the site: https://civitai.com/user/account.',
    )
  } finally {
    if (typed) stdin.setRawMode?.(false)
    if (typed) stderr.write('\n')
  }
}

const INTERRUPT = '\u0003'
const ERASE = /[\b\u007f]/

async function firstLine(stdin: InputStream, signal: AbortSignal): Promise<string> {
  let line = ''
  for await (const chunk of stdin) {
    signal.throwIfAborted()
    for (const key of typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')) {
      if (key === '\r' || key === '\n') return line
      // in raw mode the terminal gives keys it would act on itself otherwise
      if (key === INTERRUPT) throw new DOMException('interrupted', 'AbortError')
      line = ERASE.test(key) ? line.slice(0, -1) : line + key
    }
    if (line.length > MAX_TYPED) return line
  }
  return line
}
