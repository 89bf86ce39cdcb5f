import { type Api, MAX_PAGE, type SearchPage, type SearchQuery } from '../../civitai/api/api.ts'
import { BASE_WORDS } from '../../civitai/api/base-models.ts'
import type { CivitaiModel } from '../../civitai/api/shapes.ts'
import type { Site } from '../../civitai/http/hosts.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, formatCount } from '../../report/text/text.ts'
import { lineWidth } from '../../report/text/wrap.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { type Client, withCivitai } from '../shared/civitai-client.ts'
import { withCivitaiUrl } from '../shared/civitai-options.ts'
import type { CommonOptions } from '../shared/options.ts'
import { commonOptions, filledText, flag, list, values, withCommonOptions } from '../shared/options.ts'
import { messages } from './messages.ts'
import type { SearchFinding, SearchResult } from './schema.ts'
import { baseNames, PERIOD_WORDS, SORT_WORDS, TYPE_WORDS, typeNames } from './words.ts'

interface SearchOptions extends CommonOptions {
  /** But for the names of types and base models, which the site may have to be asked for. */
  readonly query: Omit<SearchQuery, 'types' | 'baseModels'>
  readonly types: readonly string[]
  readonly bases: readonly string[]
}

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 1000

export const searchCommand: Command = {
  positionals: '[words..]',
  get examples() {
    return [
      ['$0 search bad hands --type embedding', messages.exampleEmbeddings],
      ['$0 search --type lora --base sdxl --sort downloads --limit 50', messages.exampleLoras],
      ['$0 search dreamshaper --json', messages.exampleJson],
    ] as const
  },
  options: (yargs) =>
    withCivitaiUrl(withCommonOptions(yargs))
      .positional('words', { type: 'string', array: true, describe: messages.wordsArgument })
      .option('type', { type: 'string', describe: messages.typeOption(Object.keys(TYPE_WORDS).join(', ')) })
      .option('base', { type: 'string', describe: messages.baseOption(BASE_WORDS.join(', ')) })
      .option('tag', { type: 'string', describe: messages.tagOption })
      .option('user', { type: 'string', describe: messages.userOption })
      .option('sort', { choices: Object.keys(SORT_WORDS), describe: messages.sortOption })
      .option('period', { choices: Object.keys(PERIOD_WORDS), describe: messages.periodOption })
      .option('limit', { type: 'number', describe: messages.limitOption, default: DEFAULT_LIMIT })
      .option('cursor', { type: 'string', describe: messages.cursorOption })
      .option('nsfw', { type: 'boolean', describe: messages.nsfwOption }),
  run: (args, world) => {
    const options = searchOptions(args)
    return withCivitai(args, world, (client) => runSearch(options, client, world))
  },
}

function searchOptions(args: Arguments): SearchOptions {
  const sort = filledText(args, 'sort')
  const period = filledText(args, 'period')
  return {
    ...commonOptions(args),
    types: list(args, 'type'),
    bases: list(args, 'base'),
    query: {
      words: [...values(args, 'words'), ...values(args, '_')].join(' ').trim(),
      nsfw: flag(args, 'nsfw'),
      limit: limitOf(args),
      ...defined({
        sort: sort === undefined ? undefined : SORT_WORDS[sort],
        period: period === undefined ? undefined : PERIOD_WORDS[period],
        tag: filledText(args, 'tag'),
        username: filledText(args, 'user'),
        cursor: filledText(args, 'cursor'),
      }),
    },
  }
}

function limitOf({ limit }: Arguments): number {
  if (typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw usage(messages.limitRange(MAX_LIMIT))
}

async function runSearch(options: SearchOptions, { site, apiOf }: Client, world: World): Promise<ExitCode> {
  const { query, types, bases, json } = options
  const api = apiOf(site)
  const names = { types: await typeNames(types, api), baseModels: await baseNames(bases, api) }
  const { models, nextCursor } = await collect({ ...query, ...names }, api)
  const results = models.map((model) => modelJson(model, site))
  const findings = nextCursor === undefined ? [] : [moreJson(nextCursor)]
  const page = () =>
    models.length === 0 ? '' : `${formatTable(columns(), models.map(row), lineWidth(world.stdout))}\n`
  printResults(envelope('search', { results, findings }, world), page, options, world)
  if (json) return EXIT.ok
  if (models.length === 0)
    world.stderr.write(`sdtool: ${query.nsfw ? messages.nothingFound : messages.nothingFoundTryNsfw}\n`)
  if (nextCursor !== undefined)
    world.stderr.write(`sdtool: ${messages.moreWith(printable(nextCursor, 500))}\n`)
  return EXIT.ok
}

function moreJson(cursor: string): SearchFinding {
  return {
    code: 'more-results',
    severity: 'info',
    message: messages.moreWith(cursor),
    bytes: null,
    cursor,
  }
}

/** The site filters pages after the query, so that some are short, or empty: more are requested, up to this number. */
const MAX_PAGES = 2 * (MAX_LIMIT / MAX_PAGE)

async function collect(query: SearchQuery, api: Api): Promise<SearchPage> {
  const models: CivitaiModel[] = []
  let cursor = query.cursor
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const limit = query.limit - models.length
    const page = await api.search({ ...query, limit, ...defined({ cursor }) })
    models.push(...page.models)
    // a cursor that leads to itself would never end
    if (page.nextCursor === undefined || page.nextCursor === cursor) return { models }
    cursor = page.nextCursor
    if (models.length >= query.limit) break
  }
  return { models, ...defined({ nextCursor: cursor }) }
}

function columns() {
  return [
    { head: messages.idColumn, align: 'right' },
    { head: messages.nameColumn },
    { head: messages.typeColumn },
    { head: messages.baseColumn },
    { head: messages.sizeColumn, align: 'right' },
    { head: messages.downloadsColumn, align: 'right' },
    { head: messages.ratingColumn, align: 'right' },
    { head: messages.triggerWordsColumn },
  ] as const
}

const UNKNOWN = '-'

function row(model: CivitaiModel): string[] {
  const { id, name, type, downloads, versions } = model
  const newest = versions[0]
  const bytes = mainFileBytes(model)
  return [
    String(id),
    printable(name, 50),
    printable(type, 20),
    printable(newest?.baseModel ?? UNKNOWN, 20),
    bytes === undefined ? UNKNOWN : formatBytes(bytes),
    downloads === undefined ? UNKNOWN : formatCount(downloads),
    rating(model),
    printable(newest?.trainedWords.join(', ') ?? '', 80),
  ]
}

/** Of the newest version's main file. */
function mainFileBytes({ versions }: CivitaiModel): number | undefined {
  const files = versions[0]?.files ?? []
  return (files.find(({ primary }) => primary) ?? files[0])?.bytes
}

/** Thumbs up of all thumbs. */
function rating({ thumbsUp, thumbsDown = 0 }: CivitaiModel): string {
  const all = (thumbsUp ?? 0) + thumbsDown
  return thumbsUp === undefined || all === 0 ? UNKNOWN : `${Math.round((100 * thumbsUp) / all)} %`
}

/** A result of `search --json`: its path is the page, which `download` and `inspect` take. Keys are a contract. */
function modelJson(model: CivitaiModel, site: Site): SearchResult {
  const { id, name, type, nsfw, creator, downloads, thumbsUp, thumbsDown, versions } = model
  const newest = versions[0]
  return {
    path: new URL(`models/${id}`, folderOf(site)).href,
    id,
    name,
    type,
    nsfw,
    creator: creator ?? null,
    downloads: downloads ?? null,
    thumbsUp: thumbsUp ?? null,
    thumbsDown: thumbsDown ?? null,
    bytes: mainFileBytes(model) ?? null,
    version: newest
      ? {
          id: newest.id,
          name: newest.name,
          baseModel: newest.baseModel ?? null,
          trainedWords: newest.trainedWords,
        }
      : null,
    versions: versions.length,
    error: null,
  }
}

/** `new URL` would replace the last part of a path that does not end in a slash. */
function folderOf({ base }: Site): URL {
  return new URL(base.href.endsWith('/') ? base.href : `${base.href}/`)
}
