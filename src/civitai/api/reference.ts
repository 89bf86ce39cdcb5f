/** What users may paste to name something on Civitai. */
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import { type Site, siteFor } from '../http/hosts.ts'
import { idIn, idOf, looksLikeAir, parseAir } from './air.ts'
import { messages } from './messages.ts'

/** Which of a version's files. Values are spelled as the site spells them. */
export interface FileWish {
  readonly fileId?: number
  readonly type?: string
  readonly format?: string
  readonly size?: string
  readonly fp?: string
}

export type Reference = { readonly site: Site; readonly wish: FileWish } & (
  | { readonly kind: 'model'; readonly id: number; readonly versionId?: number }
  | { readonly kind: 'version'; readonly id: number }
  | { readonly kind: 'hash'; readonly hash: string }
  /** A model or a version. */
  | { readonly kind: 'number'; readonly id: number }
)

/** AutoV1 or CRC32, AutoV2, AutoV3, SHA256 or BLAKE3. */
const HASH_LENGTHS: ReadonlySet<number> = new Set([8, 10, 12, 64])

/** Whether an argument names something on a server rather than a file. A bare number is taken for a file. */
export function looksRemote(text: string): boolean {
  return /^(https?:\/\/|(hash|model|version|civitai):)/i.test(text) || looksLikeAir(text)
}

/** @throws USAGE (exit 2), whose hint says what is accepted */
export function parseReference(text: string, site: Site): Reference {
  const trimmed = text.trim()
  const none = { site, wish: {} }
  if (/^https?:\/\//i.test(trimmed)) return parseUrl(trimmed, site)
  const [, prefix, rest] = /^(civitai|hash|model|version):(.*)$/is.exec(trimmed) ?? []
  if (prefix === undefined || rest === undefined) return parseBare(trimmed, site)
  if (prefix.toLowerCase() === 'civitai') return parseReference(rest, site)
  if (prefix.toLowerCase() === 'hash') return { ...none, kind: 'hash', hash: hashOf(rest) }
  if (prefix.toLowerCase() === 'version') return { ...none, kind: 'version', id: idIn(rest, 'version', text) }
  const [id = '', version] = rest.split('@', 2)
  return {
    ...none,
    kind: 'model',
    id: idIn(id, 'model', text),
    ...(version === undefined ? {} : { versionId: idIn(version, 'version', text) }),
  }
}

function parseBare(text: string, site: Site): Reference {
  if (looksLikeAir(text)) {
    const { modelId, versionId, fileId } = parseAir(text)
    const wish = defined({ fileId })
    return { site, wish, kind: 'model', id: modelId, ...defined({ versionId }) }
  }
  // `civitai:123@456` and `123@456`
  const pair = /^(\d+)@(\d+)$/.exec(text)
  if (pair) return parseReference(`model:${text}`, site)
  const id = idOf(text)
  if (id !== undefined) return { site, wish: {}, kind: 'number', id }
  throw usage(messages.notAReference(text), messages.referenceHelpOrSearch)
}

/** @throws USAGE (exit 2) */
function hashOf(text: string): string {
  const hash = text.toLowerCase()
  if (!/^[0-9a-f]+$/.test(hash) || !HASH_LENGTHS.has(hash.length))
    throw usage(messages.notAHash(text), messages.hashForms)
  return hash
}

/** @throws USAGE (exit 2). Never repeats the query: people paste addresses with `?token=` in them. */
function parseUrl(text: string, given: Site): Reference {
  const url = urlOf(text)
  const shown = `${url.origin}${url.pathname}`
  const site = siteFor(url, given)
  if (!site) throw usage(messages.notACivitaiAddress(shown), messages.referenceHelpOrHost)
  const path = pathBelow(url, site)
  const version =
    /^\/(?:api\/download\/models|api\/v1\/model-versions(?:\/mini)?|model-versions)\/(\d+)\/?$/.exec(path)
  if (version) return { site, wish: wishOf(url), kind: 'version', id: idIn(version[1]!, 'version', shown) }
  const byHash = /^\/api\/v1\/model-versions\/by-hash\/(\w+)\/?$/.exec(path)
  if (byHash) return { site, wish: {}, kind: 'hash', hash: hashOf(byHash[1]!) }
  const model = /^\/(?:[a-z]{2}(?:-[a-z]{2})?\/)?(?:api\/v1\/)?models\/(\d+)(?:\/|$)/i.exec(path)
  if (!model) throw usage(messages.notAModelPage(shown), messages.referenceHelp)
  const versionId = url.searchParams.get('modelVersionId')
  return {
    site,
    wish: wishOf(url),
    kind: 'model',
    id: idIn(model[1]!, 'model', shown),
    ...(versionId ? { versionId: idIn(versionId, 'version', shown) } : {}),
  }
}

/** @throws USAGE (exit 2) */
export function urlOf(text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw usage(messages.notAnAddress(text.replace(/[?#].*$/s, '')), messages.referenceHelp)
  }
}

/** Without the folder of a configured address. */
function pathBelow({ pathname }: URL, { base }: Site): string {
  const prefix = base.pathname.replace(/\/$/, '')
  return prefix !== '' && pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname
}

/** What a download address says about the file; not the token. */
function wishOf({ searchParams }: URL): FileWish {
  const fileId = idOf(searchParams.get('fileId') ?? '')
  const words = (['type', 'format', 'size', 'fp'] as const).flatMap((name) => {
    const value = searchParams.get(name)
    return value ? [[name, value]] : []
  })
  return { ...defined({ fileId }), ...Object.fromEntries(words) }
}
