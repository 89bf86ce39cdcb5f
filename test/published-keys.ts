/** Keys and shapes of published models, whole, as fixtures/goldens/family_keys.py wrote them down. */
import { readFileSync } from 'node:fs'
import { type CollapsedKeys, expandedKeys } from './collapsed-keys.ts'

const LISTS: Readonly<Record<string, Readonly<Record<string, CollapsedKeys>>>> = JSON.parse(
  readFileSync(new URL('../fixtures/goldens/family-keys.json', import.meta.url), 'utf8'),
)

export const PUBLISHED_MODELS: readonly string[] = Object.keys(LISTS)

/** Layouts in which a model is listed: `native`, `diffusers`. */
export function publishedLayouts(model: string): string[] {
  return Object.keys(LISTS[model]!)
}

export function publishedKeys(model: string, layout: string, prefix = ''): Map<string, readonly number[]> {
  const keys = LISTS[model]?.[layout]
  if (keys === undefined) throw new Error(`no ${layout} keys of ${model}`)
  return new Map(Object.entries(expandedKeys(keys, prefix)))
}
