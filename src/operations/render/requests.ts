/** What is drawn: the prompts, the seeds, the size. */
import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import type { ModelFolders } from '../../library/resolve.ts'
import type { Model } from '../../model/model.ts'
import { knowsClipSkip } from '../../runtime/engine/conditioning.ts'
import type { ImageRequest, RenderSettings } from '../../runtime/engine/pipeline.ts'
import type { PictureSize } from '../../runtime/engine/steered-denoiser.ts'
import { composedPrompts } from '../../runtime/prompt/composition.ts'
import { isLoraTag, splitTags, withoutComments } from '../../runtime/prompt/tags.ts'
import type { Seed } from '../../runtime/random/gaussian.ts'
import { onnxEngine } from '../../runtime/sessions/onnx-engine.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'
import { VERIFICATION_REQUESTS } from './prompts.ts'

/** All but the size, which a model may say. */
export type DrawSettings = Omit<RenderSettings, 'width' | 'height'>

export interface PictureWishes {
  /** Undefined: the verification prompts. */
  readonly prompt?: string
  readonly negative: string
  /** Of the first picture; undefined: a random one. */
  readonly seed?: Seed
  readonly count: number
}

export interface ImageRequests {
  /** Prompts without comments and tags. */
  readonly requests: readonly ImageRequest[]
  /** With their tags, for the text in the pictures. */
  readonly prompts: readonly string[]
  /** Of LoRAs. */
  readonly tags: readonly string[]
  /** Of what sdtool does not have: hypernetworks, and what extensions of A1111 add. */
  readonly ignored: readonly string[]
}

/** @throws USAGE (exit 2) for a tag in a negative prompt, where it would do nothing */
export function imageRequests({ prompt, negative: given, seed, count }: PictureWishes): ImageRequests {
  if (prompt === undefined) {
    const prompts = VERIFICATION_REQUESTS.map((shot) => shot.prompt)
    return { requests: VERIFICATION_REQUESTS, prompts, tags: [], ignored: [] }
  }
  const negative = withoutComments(given)
  checkNegative(negative)
  const whole = withoutComments(prompt)
  const { prompt: text, tags } = splitTags(whole)
  const first = seed ?? BigInt(randomBytes(4).readUInt32LE())
  const requests = Array.from({ length: count }, (_, i) => ({
    prompt: text,
    negative,
    seed: first + BigInt(i),
  }))
  const [loras, ignored] = [tags.filter(isLoraTag), tags.filter((tag) => !isLoraTag(tag))]
  return {
    requests,
    prompts: requests.map(() => whole),
    tags: loras.map((tag) => tag.text),
    ignored: ignored.map((tag) => tag.text),
  }
}

/** A1111 reads tags there as words. */
function checkNegative(negative: string): void {
  const [tag] = splitTags(negative).tags
  if (tag === undefined) return
  if (isLoraTag(tag)) throw usage(messages.negativeLora, messages.nameItInPrompt)
  throw usage(messages.negativeTag(tag.text), messages.leaveItOut)
}

/** Says what of a run is not what somebody may think it is. */
export function noteOnImageRequests(
  { requests, ignored }: ImageRequests,
  { quiet = false }: { readonly quiet?: boolean },
  folders: Pick<ModelFolders, 'note'>,
): void {
  for (const tag of new Set(ignored)) folders.note(messages.ignoredTag(tag))
  if (!quiet) for (const weight of endWeights(requests)) folders.note(weightNote(weight))
}

/** A picture of 16:9 gets another guidance than was meant, in A1111, too; there nobody is told. */
function endWeights(requests: readonly ImageRequest[]): Set<number> {
  const weights = requests.flatMap(({ prompt }) => {
    const [only, other] = composedPrompts(prompt)
    return other === undefined && only!.weight !== 1 ? [only!.weight] : []
  })
  return new Set(weights)
}

function weightNote(weight: number): string {
  return messages.endWeight(weight)
}

/** Only SD 1.x is told to leave out layers, as in A1111. */
export function noteOnClipSkip(
  model: Model,
  { settings: { clipSkip } }: { readonly settings: DrawSettings },
  folders: Pick<ModelFolders, 'note'>,
): void {
  if ((clipSkip ?? 1) > 1 && !knowsClipSkip(onnxEngine.textTowers(model)))
    folders.note(messages.clipSkipIgnored(basename(model.name)))
}

const USUAL_SIDE = 512

export function settingsFor(
  { identity }: Model,
  { settings, size }: { readonly settings: DrawSettings; readonly size?: PictureSize },
): RenderSettings {
  const side = identity.architecture?.resolution ?? USUAL_SIDE
  return { ...settings, ...(size ?? { width: side, height: side }) }
}
