import type { TensorTable } from '../../tensor/values/table.ts'
import type { Kind } from '../kinds.ts'
import type { Shape } from '../networks/topology/match.ts'
import { messages } from './messages.ts'

/** What a file is that is neither a checkpoint, nor a part of one, nor an adapter. */
export interface OtherKind {
  readonly kind: Kind
  readonly title: string
  readonly evidence: readonly string[]
}

interface Rule {
  readonly kind: Kind
  /** Recognised by one key that matches. */
  readonly marker: RegExp
  readonly title: (shapeOf: (pattern: RegExp) => Shape | undefined) => string
  /** What the tensors of the file have to look like, where the key alone could be of something else. */
  readonly fits?: (shapes: readonly Shape[]) => boolean
}

/** Pickles of basicsr keep the weights below one of these; nested names are joined with a dot or a slash. */
const BASICSR = '(?:params_ema[./]|params[./]|model[./])?'

/** What a pickle is called by that is a tensor and nothing else. */
export const BARE_TENSOR = /^tensor$/

/** Widths of the pooled text of CLIP-L, -H and -bigG. */
const POOLED_WIDTHS: readonly number[] = [768, 1024, 1280]

/**
 * The mean of the features of pictures somebody liked: one vector, in a file without a dict around it. It steers the text
 * encoder while it draws, and no word stands for it. Source: vicgalle/stable-diffusion-aesthetic-gradients.
 */
function isAestheticGradient(shapes: readonly Shape[]): boolean {
  const [[...shape] = []] = shapes
  const width = shape.pop() ?? 0
  return (
    shapes.length === 1 && shape.every((n) => n === 1) && shape.length < 2 && POOLED_WIDTHS.includes(width)
  )
}

/** One key each, as the programs that read these files look for them. First match wins. */
const RULES: readonly Rule[] = [
  { kind: 'ip-adapter', marker: /^(ip_adapter[./]\d+\.|image_proj[./])/, title: ipAdapterTitle },
  {
    kind: 't2i-adapter',
    marker: /^(adapter\.)?body\.0\.(block1|resnets\.0\.block1|body\.0\.block1|in_conv)\./,
    title: () => 'T2I-Adapter',
  },
  {
    kind: 'controlnet',
    marker: /^(controlnet_blocks\.0\.|controlnet_x_embedder\.)/,
    title: () => 'ControlNet',
  },
  {
    kind: 'upscaler',
    marker: new RegExp(
      `^${BASICSR}(body\\.0\\.rdb1\\.conv1|model\\.1\\.sub\\.0\\.RDB1|1\\.sub\\.0\\.RDB1)\\.`,
    ),
    title: esrganTitle,
  },
  {
    kind: 'upscaler',
    marker: new RegExp(`^${BASICSR}(layers\\.0\\.residual_group\\.|layers\\.0\\.blocks\\.0\\.attn\\.)`),
    title: () => 'upscaler (SwinIR, HAT or DAT)',
  },
  { kind: 'hypernetwork', marker: /^\d+\/\[[01]\]\/linear/, title: () => 'hypernetwork' },
  {
    kind: 'aesthetic',
    marker: BARE_TENSOR,
    title: () => 'aesthetic gradient embedding',
    fits: isAestheticGradient,
  },
  {
    kind: 'training',
    marker: /(^|[./])(exp_avg|exp_avg_sq|momentum_buffer)([./]|$)/,
    title: () => 'optimizer state of a training run',
  },
]

/** Recognises a kind by a single key; undefined if nothing is known of the file. */
export function recogniseOther(table: TensorTable): OtherKind | undefined {
  const names = [...table.tensors.keys()]
  const find = (pattern: RegExp) => names.find((name) => pattern.test(name))
  const shapes = () => [...table.tensors.values()].map(({ shape }) => shape)
  for (const { kind, marker, title, fits } of RULES) {
    const name = find(marker)
    if (name === undefined || fits?.(shapes()) === false) continue
    const shapeOf = (pattern: RegExp) => table.tensors.get(find(pattern) ?? '')?.shape
    return { kind, title: title(shapeOf), evidence: [messages.key(name)] }
  }
  return undefined
}

/** Widths of the text that an IP-Adapter's keys and values look at. */
const CONTEXTS: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1.x',
  1024: 'Stable Diffusion 2.x',
  2048: 'Stable Diffusion XL',
}

function ipAdapterTitle(shapeOf: (pattern: RegExp) => Shape | undefined): string {
  const base = CONTEXTS[shapeOf(/to_k_ip\.weight$/)?.[1] ?? 0]
  return base ? `IP-Adapter for ${base}` : 'IP-Adapter'
}

/** RRDBNet of basicsr folds 2x2 or 4x4 pixels into channels where it enlarges less than four times. */
const FOLDED_SCALES: Readonly<Record<number, string>> = { 3: 'x4', 12: 'x2', 48: 'x1' }

function esrganTitle(shapeOf: (pattern: RegExp) => Shape | undefined): string {
  const scale = FOLDED_SCALES[shapeOf(/(^|[./])conv_first\.weight$/)?.[1] ?? 0]
  return scale ? `ESRGAN upscaler ${scale}` : 'ESRGAN upscaler'
}
