/** Where the user's token is: the environment, or a file that nobody else may read. */
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SdtoolError } from '../../system/errors.ts'
import { isJsonObject, type JsonObject, parseJsonText } from '../../system/json.ts'
import { type Secret, secret } from '../http/secret.ts'
import { messages } from './messages.ts'
import { maybe, object, read, text } from './tolerant.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** The first that is set is used. The others are the names that the site's own tools and its extensions use. */
export const TOKEN_VARIABLES = ['CIVITAI_TOKEN', 'CIVITAI_API_TOKEN', 'CIVITAI_API_KEY'] as const

const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700
const OTHERS = 0o077

/** `~/.config/sdtool/config.json`, or where XDG_CONFIG_HOME or APPDATA say. Undefined if there is no home folder. */
export function configPath(env: Env): string | undefined {
  const home = env.HOME || env.USERPROFILE
  const folder = env.XDG_CONFIG_HOME || env.APPDATA || (home ? join(home, '.config') : undefined)
  return folder ? join(folder, 'sdtool', 'config.json') : undefined
}

/** Bearer tokens (RFC 6750): anything else cannot be sent in a header, and was copied wrongly. */
export function isToken(value: string): boolean {
  return /^[\w.~+/-]{8,4096}=*$/.test(value)
}

/**
 * The token to use, if there is one.
 * @param warn gets a line about a file that others may read
 * @throws CIVITAI_TOKEN_FORM (exit 1) for what cannot be a token, without repeating it
 */
export async function findToken(env: Env, warn: (line: string) => void): Promise<Secret | undefined> {
  for (const name of TOKEN_VARIABLES) {
    const value = env[name]?.trim()
    if (value) return checked(value, name)
  }
  const path = configPath(env)
  if (path === undefined) return undefined
  const value = read(settings, await readConfig(path))?.civitaiToken
  if (!value) return undefined
  const mode = (await stat(path).catch(() => undefined))?.mode ?? 0
  if (process.platform !== 'win32' && (mode & OTHERS) !== 0) warn(messages.tokenFileReadable(path))
  return checked(value, path)
}

function checked(value: string, origin: string): Secret {
  if (isToken(value)) return secret(value, origin)
  throw new SdtoolError('CIVITAI_TOKEN_FORM', messages.tokenMalformed(origin), {
    hint: messages.copyKeyAgain,
  })
}

const settings = object({ civitaiToken: maybe(text) })

async function readConfig(path: string): Promise<JsonObject> {
  const json = parseJsonText(await readFile(path, 'utf8').catch(() => ''))
  return isJsonObject(json) ? json : {}
}

/** Stores a token, or removes it. Other settings in the file stay. @throws what the file system says */
export async function storeToken(path: string, token: string | undefined): Promise<void> {
  const { civitaiToken: _, ...others } = await readConfig(path)
  const config = token === undefined ? others : { ...others, civitaiToken: token }
  await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER })
  const temporary = `${path}.${process.pid}.new`
  try {
    await writeFile(temporary, `${JSON.stringify(config, null, 2)}\n`, { mode: PRIVATE_FILE, flag: 'wx' })
    await chmod(temporary, PRIVATE_FILE) // whatever the umask
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}
