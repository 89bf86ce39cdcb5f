/** How results are printed: as a document, a list, pages, or parts of them. */
import type { Inspection, Refusal } from '../../operations/inspect/inspection.ts'
import { inspectionJson, refusalJson } from '../../operations/inspect/json.ts'
import type { InspectResult } from '../../operations/inspect/schema.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { errorText } from '../../report/terminal/error.ts'
import { type Paint, painter } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { CommonOptions } from '../shared/options.ts'
import { briefLine, briefRefusal, inspectionPage, keyTable, metadataText, refusalPage } from './page.ts'
import { type PictureInspection, pictureJson, pictureLine, picturePage } from './picture.ts'
import { keysOf, type PartOptions, type Result, textMetadata } from './result.ts'

interface PrintOptions extends CommonOptions, PartOptions {}

/** Shows results as they come. */
export interface Printer {
  print(result: Result): void
  end(): void
}

/** All in one document at the end; why a file is refused goes to stderr at once. */
export function resultsPrinter(options: PrintOptions, world: World): Printer {
  const results: InspectResult[] = []
  return {
    print(result) {
      results.push(resultJson(result, options))
      if ('error' in result) world.stderr.write(errorText(result.error, options.verbose))
    },
    end() {
      printResults(envelope('inspect', { results }, world), () => '', options, world)
    },
  }
}

function resultJson(result: Result, options: PrintOptions): InspectResult {
  if ('error' in result) return refusalJson(result)
  if ('picture' in result) return pictureJson(result)
  return inspectionJson(result, keysOf(result, options))
}

interface InspectLayout {
  readonly brief: boolean
  /** A list of keys or a value does not say by itself which file it is from. */
  readonly several: boolean
}

/** Pages, lines of a list, or the parts that are asked for. */
export function textPrinter(options: PrintOptions, { brief, several }: InspectLayout, world: World): Printer {
  const paint = painter(world.stdout, world.env)
  const pageFor = (result: Inspection | PictureInspection): string => {
    const part = partOf(result, options, world)
    if (part === undefined) return pageOf(result, paint)
    return several ? `${paint('bold', printable(result.path, 300))}\n${part}` : part
  }
  const textFor = (result: Result): string => {
    if ('error' in result) return refusalText(result, brief, paint)
    return brief ? `${lineOf(result, paint)}\n` : pageFor(result)
  }
  let first = true
  return {
    print(result) {
      if (!first && !brief) world.stdout.write('\n')
      first = false
      world.stdout.write(textFor(result))
      if ('error' in result) world.stderr.write(errorText(result.error, options.verbose))
    },
    end() {},
  }
}

/** A refused file has its own line in a list; only an unsafe pickle has its own page. */
function refusalText(refusal: Refusal, brief: boolean, paint: Paint): string {
  if (brief) return `${briefRefusal(refusal, paint)}\n`
  return refusal.security ? refusalPage(refusal, paint) : ''
}

function lineOf(result: Inspection | PictureInspection, paint: Paint): string {
  return 'picture' in result ? pictureLine(result, paint) : briefLine(result, paint)
}

function pageOf(result: Inspection | PictureInspection, paint: Paint): string {
  return 'picture' in result ? picturePage(result, paint) : inspectionPage(result, paint)
}

/** What is shown instead of the page: keys, metadata. */
function partOf(
  result: Inspection | PictureInspection,
  options: PrintOptions,
  world: World,
): string | undefined {
  const keys = keysOf(result, options)
  if (keys) return `${keyTable(keys)}\n`
  if (options.metadata === undefined) return undefined
  const metadata = textMetadata(result)
  if (options.metadata === '') return metadataText(metadata, result.path, painter(world.stdout, world.env))
  // the raw value for a program; on a terminal nothing in it may act
  const value = metadata[options.metadata]!
  return `${world.stdout.isTTY ? printable(value, Number.POSITIVE_INFINITY) : value}\n`
}
