import { isSame, type TensorDiff } from '../../model/diff/diff.ts'
import {
  type BlockGroup,
  byBlock,
  byComponent,
  byLayer,
  type Group,
  type Tally,
} from '../../model/diff/summary.ts'
import type { InputModel } from '../../operations/operation.ts'
import { findingJson } from '../../report/document/envelope.ts'
import { relativeChange, type TensorComparison } from '../../tensor/values/compare.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import type { DiffReport } from './report.ts'
import type {
  DiffBlock,
  DiffComparison,
  DiffComponent,
  DiffResult,
  DiffSide,
  DiffTally,
  DiffTensor,
} from './schema.ts'

/** The result of `diff --json`. Keys are a contract: add, never rename. */
export function diffJson(report: DiffReport): DiffResult {
  const { a, b, ema, tensors, total, metadata, findings, plot = null } = report
  return {
    path: b.name,
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
    findings: findings.map(findingJson),
    output: plot,
    error: null,
  }
}

function fileJson({ name, file, identity }: InputModel): DiffSide {
  const { architecture } = identity
  return {
    path: name,
    bytes: file.file.size,
    format: file.format,
    kind: identity.kind,
    title: identity.title,
    architecture: architecture?.id ?? null,
    tensors: file.tensors.size,
  }
}

function tallyJson({ comparison, ...counts }: Tally): DiffTally {
  return { ...counts, ...comparisonJson(comparison) }
}

function groupJson({ component, title, ...rest }: Group): DiffComponent {
  return { name: component, title, ...tallyJson(rest) }
}

function blockJson({ component, block, ...rest }: BlockGroup): DiffBlock {
  const { tensors, differing, comparison } = rest
  return { component, block, tensors, differing, ...comparisonJson(comparison) }
}

/** JSON has no infinity: null where a is all zeros and b is not. */
function comparisonJson(comparison: TensorComparison): DiffComparison {
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

function tensorJson({ name, place, a, b, change, retyped, reshaped, comparison }: TensorDiff): DiffTensor {
  return {
    name,
    nameInB: a && b && a.name !== b.name ? b.name : null,
    component: place.component,
    block: place.block,
    layer: place.layer,
    change,
    retyped,
    reshaped,
    a: a ? tensorFacts(a) : null,
    b: b ? tensorFacts(b) : null,
    comparison: comparison ? comparisonJson(comparison) : null,
  }
}

function tensorFacts({ dtype, shape }: Tensor): Pick<Tensor, 'dtype' | 'shape'> {
  return { dtype, shape }
}
