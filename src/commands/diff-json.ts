import { isSame, type TensorDiff } from '../model/diff/diff.ts'
import {
  type BlockGroup,
  byBlock,
  byComponent,
  byLayer,
  type Group,
  type Tally,
} from '../model/diff/summary.ts'
import { type Comparison, relativeChange } from '../tensor/compare.ts'
import type { Tensor } from '../tensor/table.ts'
import type { DiffFile, DiffReport } from './diff-report.ts'

/** The document of `diff --json`. Keys are a contract: add, never rename. */
export function diffJson(report: DiffReport): object {
  const { a, b, ema, tensors, total, metadata, findings, plot } = report
  return {
    command: 'diff',
    a: fileJson(a),
    b: fileJson(b),
    ema,
    identical: total.differing === 0,
    total: tallyJson(total),
    components: byComponent(tensors).map(groupJson),
    blocks: byBlock(tensors).map(blockJson),
    layers: byLayer(tensors).map((group) => ({ ...blockJson(group), layer: group.layer })),
    tensors: tensors.filter((tensor) => !isSame(tensor)).map(tensorJson),
    metadata,
    findings,
    ...(plot === undefined ? {} : { plot }),
  }
}

function fileJson({ path, model, identity }: DiffFile): object {
  const { architecture } = identity
  return {
    file: path,
    bytes: model.file.size,
    format: model.format,
    kind: identity.kind,
    title: identity.title,
    ...(architecture && { architecture: architecture.id }),
    tensors: model.tensors.size,
  }
}

function tallyJson({ comparison, ...counts }: Tally): object {
  return { ...counts, ...comparisonJson(comparison) }
}

function groupJson({ component, title, ...rest }: Group): object {
  return { name: component, title, ...tallyJson(rest) }
}

function blockJson({ component, block, ...rest }: BlockGroup): object {
  const { tensors, differing, comparison } = rest
  return { component, block, tensors, differing, ...comparisonJson(comparison) }
}

/** JSON has no infinity: null where a is all zeros and b is not. */
function comparisonJson(comparison: Comparison): object {
  const { values, changed, squares, differences, largest, brokenA, brokenB } = comparison
  const relative = relativeChange(comparison)
  return {
    relativeChange: Number.isFinite(relative) ? relative : null,
    norm: Math.sqrt(squares),
    normOfChange: Math.sqrt(differences),
    largestChange: largest,
    values,
    changedValues: changed,
    notFinite: { a: brokenA, b: brokenB },
  }
}

function tensorJson({ name, place, a, b, change, retyped, reshaped, comparison }: TensorDiff): object {
  return {
    name,
    ...(a && b && a.name !== b.name && { nameInB: b.name }),
    component: place.component,
    block: place.block,
    layer: place.layer,
    change,
    retyped,
    reshaped,
    ...(a && { a: tensorFacts(a) }),
    ...(b && { b: tensorFacts(b) }),
    ...(comparison && comparisonJson(comparison)),
  }
}

function tensorFacts({ dtype, shape }: Tensor): object {
  return { dtype, shape }
}
