import { extname } from 'node:path'
import { encodePng } from '../../image/png/encode.ts'
import type { TensorDiff } from '../../model/diff/diff.ts'
import {
  type BlockGroup,
  byBlock,
  byComponent,
  byLayer,
  type Group,
  type LayerGroup,
  type Tally,
  tally,
} from '../../model/diff/summary.ts'
import {
  type Cell,
  type HeatColumn,
  type HeatMap,
  type HeatPanel,
  heatMapPicture,
} from '../../report/drawing/heat-map.ts'
import { paint } from '../../report/drawing/raster.ts'
import { svgText } from '../../report/drawing/svg.ts'
import { formatRelative } from '../../report/text/relative.ts'
import { usage } from '../../system/errors.ts'
import { relativeChange } from '../../tensor/values/compare.ts'
import { messages } from './messages.ts'

/** Dots of a PNG to a pixel of the SVG: sharp where screens have many, readable where not. */
const PNG_SCALE = 2

type Encode = (map: HeatMap) => Uint8Array

const ENCODERS: Readonly<Record<string, Encode>> = {
  '.png': (map) => encodePng(paint(heatMapPicture(map), PNG_SCALE)),
  '.svg': (map) => Buffer.from(svgText(heatMapPicture(map))),
}

/** @throws USAGE (exit 2) for another ending of the name */
export function plotEncoder(path: string): Encode {
  const encode = ENCODERS[extname(path).toLowerCase()]
  if (!encode) throw usage(messages.badPlotEnding(path, Object.keys(ENCODERS)))
  return encode
}

/** Blocks of a panel; models have up to 38, and a picture of a made-up one must not fill the memory. */
const MAX_COLUMNS = 80

/** A panel for each component with weights that could be compared. Undefined if there are none. */
export function heatMapOf(diffs: readonly TensorDiff[], title: string): HeatMap | undefined {
  const [blocks, layers] = [byBlock(diffs), byLayer(diffs)]
  const panels = byComponent(diffs)
    .filter(({ comparison }) => comparison.values > 0)
    .map((group) => panelOf(group, blocks, layers, diffs))
  if (panels.length === 0) return undefined
  const { differing, tensors, comparison } = tally(diffs)
  const subtitle = messages.plotSubtitle(formatRelative(relativeChange(comparison)), differing, tensors)
  return { title, subtitle, panels }
}

function panelOf(
  { component, title, ...all }: Group,
  blocks: readonly BlockGroup[],
  layers: readonly LayerGroup[],
  diffs: readonly TensorDiff[],
): HeatPanel {
  const mine = blocks.filter((group) => group.component === component)
  const columns = mine.slice(0, MAX_COLUMNS)
  const cells = layers.filter((group) => group.component === component)
  const rows = [...new Set(cells.map(({ layer }) => layer))]
  const own = diffs.filter(({ place }) => place.component === component)
  const byPlace = new Map(cells.map((group) => [`${group.layer} ${group.block}`, cellOf(group)]))
  return {
    title: columns.length < mine.length ? messages.firstBlocks(title, columns.length, mine.length) : title,
    columns: columns.map(({ block }) => columnOf(block)),
    rows,
    cells: rows.map((layer) => columns.map(({ block }) => byPlace.get(`${layer} ${block}`))),
    columnTotals: columns.map(cellOf),
    rowTotals: rows.map((layer) => cellOf(tally(own.filter(({ place }) => place.layer === layer)))),
    total: cellOf(all),
  }
}

/** `IN04` as the kind `IN` and the number `04`; a number alone is one, too. */
export function columnOf(block: string): HeatColumn {
  const [, kind, number] = /^(.*?)\.?(\d*)$/.exec(block)!
  return { kind: kind!, number: number! }
}

/** What could not be compared at all has no number. */
function cellOf({ comparison }: Tally): Cell {
  return comparison.values === 0 ? 'incomparable' : relativeChange(comparison)
}
