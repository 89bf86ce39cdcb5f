import { type Account, openApi } from '../../civitai/api/api.ts'
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
import { messages } from './messages.ts'
import type { LoginResult } from './schema.ts'

export const loginCommand: Command = {
  positionals: '',
  get examples() {
    return [
      ['$0 login', messages.exampleLogin],
      ['$0 login < key.txt', messages.exampleFromFile],
      ['$0 login --check', messages.exampleCheck],
      ['$0 login --remove', messages.exampleRemove],
    ] as const
  },
  options: (yargs) =>
    withCivitaiUrl(withCommonOptions(yargs))
      .option('check', { type: 'boolean', describe: messages.checkOption })
      .option('remove', { type: 'boolean', describe: messages.removeOption })
      .conflicts('check', 'remove'),
  run: (args, world) => {
    if (flag(args, 'remove')) return remove(args, world)
    return withCivitai(args, world, (client) =>
      flag(args, 'check') ? check(args, client, world) : login(args, client, world),
    )
  },
}

async function login(args: Arguments, client: Client, world: World): Promise<ExitCode> {
  const path = configFile(world)
  const token = await readToken(world)
  const account = await openApi({ ...client.site, token: secret(token, 'the input') }, client.http).me()
  await storeToken(path, token)
  return report(args, world, account, path, messages.saved(nameOf(account), path))
}

async function check(args: Arguments, { site, apiOf }: Client, world: World): Promise<ExitCode> {
  if (!site.token)
    throw new SdtoolError('CIVITAI_LOGIN_REQUIRED', messages.noKey, { hint: messages.loginOrVariable })
  const account = await apiOf(site).me()
  const { origin } = site.token
  return report(args, world, account, origin, messages.inUse(origin, nameOf(account)))
}

async function remove(args: Arguments, world: World): Promise<ExitCode> {
  const path = configFile(world)
  await storeToken(path, undefined)
  return report(args, world, undefined, path, messages.removed(path))
}

/** @param path where the key is stored: a file, or the name of a variable; without an account it was removed from there */
function report(
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
  const name = printable(username)
  return tier === undefined ? name : messages.accountOfTier(name, printable(tier))
}

/** @throws NO_HOME (exit 1) */
function configFile({ env }: World): string {
  const path = configPath(env)
  if (path !== undefined) return path
  throw new SdtoolError('NO_HOME', messages.noHome, { hint: messages.setHome })
}

/** Longer than any key: what follows is not read. */
const MAX_TYPED = 8192

/** One line of the input, never shown. @throws USAGE (exit 2) */
async function readToken({ stdin, stderr, signal }: World): Promise<string> {
  if (!stdin) throw usage(messages.noInput)
  const typed = stdin.isTTY === true
  if (typed) stderr.write(messages.prompt)
  if (typed) stdin.setRawMode?.(true)
  try {
    const token = (await firstLine(stdin, signal)).trim()
    if (isToken(token)) return token
    throw usage(messages.notAKey, messages.copyKey)
  } finally {
    if (typed) stdin.setRawMode?.(false)
    if (typed) stderr.write('\n')
  }
}

const INTERRUPT = '\u0003'
const ERASE = /[\b\u007f]/

async function firstLine(stdin: InputStream, signal: AbortSignal): Promise<string> {
  let line = { text: '', isComplete: false }
  for await (const chunk of stdin) {
    signal.throwIfAborted()
    line = afterKeys(line.text, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))
    if (line.isComplete || line.text.length > MAX_TYPED) break
  }
  return line.text
}

/** A terminal in raw mode also gives the keys that it would act on itself otherwise. @throws AbortError at Ctrl-C */
function afterKeys(before: string, keys: string): { text: string; isComplete: boolean } {
  let text = before
  for (const key of keys) {
    if (key === '\r' || key === '\n') return { text, isComplete: true }
    if (key === INTERRUPT) throw new DOMException('interrupted', 'AbortError')
    text = ERASE.test(key) ? text.slice(0, -1) : text + key
  }
  return { text, isComplete: false }
}
