/** The REST API, `/api/v1`: requests, retries, and answers as typed shapes. */
import * as v from 'valibot'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { type JsonValue, parseJsonText } from '../../system/json.ts'
import { type Followed, type FollowRequest, follow } from '../http/follow.ts'
import type { Site } from '../http/hosts.ts'
import { deadline, type HttpWorld, networkError, readBody } from '../http/http.ts'
import { type Attempt, againAfter, type Failure, withRetries } from '../http/retry.ts'
import { explainRefusal } from './api-errors.ts'
import { messages } from './messages.ts'
import { type CivitaiModel, type CivitaiVersion, civitaiModelOf, versionOf } from './shapes.ts'
import { anything, id, list, maybe, object, read, readEach, text } from './tolerant.ts'

/** A list of 100 models with their versions has about 5 MB. */
const MAX_JSON_BYTES = 64 * 1024 * 1024
/** Of an error page: enough for its text. */
const MAX_ERROR_BYTES = 256 * 1024
/** Most hashes the site takes in one request. */
const MAX_HASHES = 100
/** Most items of one page. */
export const MAX_PAGE = 100

/** All throw NETWORK, CIVITAI_NOT_JSON, CIVITAI_ANSWER, CIVITAI_ANSWER_TOO_LARGE (exit 5), and what `explainRefusal` makes. */
export interface Api {
  readonly site: Site
  model(id: number): Promise<CivitaiModel>
  models(ids: readonly number[]): Promise<CivitaiModel[]>
  version(id: number): Promise<CivitaiVersion>
  /** Any hash, as hex, as long as the site writes it. */
  versionByHash(hash: string): Promise<CivitaiVersion>
  /** Versions with files of these SHA-256; unknown ones are left out. */
  versionsBySha256(hashes: readonly string[]): Promise<CivitaiVersion[]>
  search(query: SearchQuery): Promise<SearchPage>
  /** What it calls its types and base models, those included that sdtool does not know yet. */
  names(): Promise<SiteNames>
  /** Who the token belongs to. @throws CIVITAI_LOGIN_REQUIRED (exit 1) */
  me(): Promise<Account>
}

export interface SiteNames {
  readonly types: readonly string[]
  readonly baseModels: readonly string[]
}

export interface Account {
  readonly username: string
  readonly tier?: string
}

export interface SearchQuery {
  readonly words: string
  /** As the site spells them: LORA, TextualInversion ... */
  readonly types: readonly string[]
  readonly baseModels: readonly string[]
  readonly tag?: string
  readonly username?: string
  readonly sort?: string
  readonly period?: string
  readonly nsfw: boolean
  readonly limit: number
  readonly cursor?: string
}

export interface SearchPage {
  readonly models: readonly CivitaiModel[]
  /** Where the next page begins; none after the last. */
  readonly nextCursor?: string
}

/** Full-text search counts its cursor in plain numbers. */
const cursor = v.union([text, v.pipe(id, v.transform(String))])
const pageAnswer = object({ items: list(anything), metadata: maybe(object({ nextCursor: maybe(cursor) })) })
/** `BaseModel` has those that are offered for new models, on older servers all. */
const namesAnswer = object({ ModelType: list(text), BaseModel: list(text), ActiveBaseModel: list(text) })
const accountAnswer = object({ username: text, tier: maybe(text) })

/**
 * The API of the site as typed answers.
 * @throws from its methods: CIVITAI_NOT_FOUND (exit 1), CIVITAI_ANSWER (exit 5), NETWORK (exit 5), and what `follow` and `siteRefusal` make
 */
export function openApi(site: Site, world: HttpWorld): Api {
  const get = (path: string, what: string, params: Params = []) => {
    return askJson({ url: apiUrl(site, path, params) }, what, site, world)
  }
  const modelsOf = (items: readonly JsonValue[] = []) => {
    return items.flatMap((item) => civitaiModelOf(item, world.now()) ?? [])
  }
  return {
    site,
    async model(id) {
      const what = messages.aModel(id)
      return known(civitaiModelOf(await get(`models/${id}`, what), world.now()), what, site)
    },
    async models(ids) {
      const found: CivitaiModel[] = []
      for (const batch of batches(ids, MAX_PAGE)) {
        const params: Params = [['ids', batch.join(',')], ['limit', String(MAX_PAGE)], ['nsfw', 'true']] // biome-ignore format: a row
        found.push(...modelsOf(read(pageAnswer, await get('models', messages.models, params))?.items))
      }
      return found
    },
    async version(id) {
      const what = messages.aVersion(id)
      return known(versionOf(await get(`model-versions/${id}`, what), world.now()), what, site)
    },
    async versionByHash(hash) {
      const what = messages.aHash(hash)
      const json = await get(`model-versions/by-hash/${hash.toUpperCase()}`, what)
      return known(versionOf(json, world.now()), what, site)
    },
    async versionsBySha256(hashes) {
      const found: CivitaiVersion[] = []
      const url = apiUrl(site, 'model-versions/by-hash', [])
      for (const batch of batches(hashes, MAX_HASHES)) {
        const body = JSON.stringify(batch.map((hash) => hash.toUpperCase()))
        const headers = { 'content-type': 'application/json' }
        const request = { url, method: 'POST', headers, body } as const
        const json = await askJson(request, messages.hashes, site, world)
        const items = Array.isArray(json) ? readEach(anything, json) : []
        found.push(...items.flatMap((item) => versionOf(item, world.now()) ?? []))
      }
      return found
    },
    async search(query) {
      const page = read(pageAnswer, await get('models', messages.search, searchParams(query)))
      return { models: modelsOf(page?.items), ...page?.metadata }
    },
    async names() {
      const what = messages.itsNames
      const answer = known(read(namesAnswer, await get('enums', what)), what, site)
      const { ModelType, BaseModel, ActiveBaseModel } = answer
      return { types: ModelType, baseModels: [...new Set([...BaseModel, ...ActiveBaseModel])] }
    },
    async me() {
      const what = messages.yourAccount
      return known(read(accountAnswer, await get('me', what)), what, site)
    },
  }
}

type Params = readonly (readonly [name: string, value: string])[]

/** Lists are repeated parameters: the server's schema does not take commas everywhere. */
function searchParams(query: SearchQuery): Params {
  const { words, tag, username, sort, period, cursor } = query
  const single = { query: words, tag, username, sort, period, cursor }
  return [
    ['limit', String(Math.min(query.limit, MAX_PAGE))],
    ['nsfw', String(query.nsfw)],
    ...Object.entries(single).flatMap(([name, value]) => (value ? [[name, value] as const] : [])),
    ...query.types.map((type) => ['types', type] as const),
    ...query.baseModels.map((base) => ['baseModels', base] as const),
  ]
}

function apiUrl({ base }: Site, path: string, params: Params): URL {
  const url = new URL(`${base.pathname.replace(/\/$/, '')}/api/v1/${path}`, base)
  for (const [name, value] of params) url.searchParams.append(name, value)
  return url
}

function* batches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

function known<T>(value: T | undefined, what: string, { base }: Site): T {
  if (value !== undefined) return value
  throw new SdtoolError('CIVITAI_ANSWER', messages.unlikeTheApi(what, base.host), {
    exitCode: EXIT.network,
    hint: messages.isItCivitai,
  })
}

/** Undefined for what the site does not know. @throws what `ask` throws, except CIVITAI_NOT_FOUND */
export async function optionally<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof SdtoolError && error.code === 'CIVITAI_NOT_FOUND') return undefined
    throw error
  }
}

/** @throws what methods of `Api` throw, except CIVITAI_ANSWER */
function askJson(request: FollowRequest, what: string, site: Site, world: HttpWorld): Promise<JsonValue> {
  return withRetries(world, () => attempt(request, what, site, world))
}

async function attempt(
  request: FollowRequest,
  what: string,
  site: Site,
  world: HttpWorld,
): Promise<Attempt<JsonValue>> {
  const limit = deadline(world, 'wholeMs')
  try {
    const headers = { accept: 'application/json', 'accept-encoding': 'identity', ...request.headers }
    const followed = await follow({ ...request, headers, signal: limit.signal }, site, world)
    return await readJson(followed, what, site, world)
  } catch (error) {
    world.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    return { error, again: againAfter(error) }
  } finally {
    limit.lift()
  }
}

async function readJson(
  followed: Followed,
  what: string,
  site: Site,
  world: HttpWorld,
): Promise<Attempt<JsonValue>> {
  const { answer, url } = followed
  if (answer.status !== 200) {
    const failure = await siteRefusal(followed, what, site, world)
    // only a download may be missing for a moment
    return failure.again === 'once' ? { ...failure, again: 'no' } : failure
  }
  const json = parseJsonText(await bodyText(followed, MAX_JSON_BYTES, world), MAX_JSON_BYTES)
  if (json !== undefined) return { value: json }
  const error = new SdtoolError('CIVITAI_NOT_JSON', messages.notJson(what, url.host), {
    exitCode: EXIT.network,
    hint: messages.somethingInBetween,
  })
  return { error, again: 'once' }
}

/**
 * Reads an answer that is not a success.
 * @param what was requested, for messages
 * @throws the reason of the signal
 */
export async function siteRefusal(
  followed: Followed,
  what: string,
  site: Site,
  world: HttpWorld,
): Promise<Failure> {
  const { answer, url } = followed
  const body = await bodyText(followed, MAX_ERROR_BYTES, world).catch(() => '')
  world.signal.throwIfAborted()
  return explainRefusal({
    status: answer.status,
    headers: answer.headers,
    body,
    what,
    url,
    site,
    now: world.now(),
  })
}

async function bodyText({ answer, url }: Followed, maxBytes: number, world: HttpWorld): Promise<string> {
  try {
    return (await readBody(answer, maxBytes, url)).toString('utf8')
  } catch (cause) {
    world.signal.throwIfAborted()
    throw cause instanceof SdtoolError ? cause : networkError(cause, url)
  }
}
