/** How outcomes of operations are shown, where that is not the plain way. */
import { EXTRACT_LORA_VIEW, LORA_RESIZE_VIEW } from '../extract/lora-page.ts'
import { LORA_MERGE_VIEW } from '../lora/merge-page.ts'
import { MERGE_VIEW } from '../merge/page.ts'
import { MERGE_LORA_VIEW } from '../merge-lora/page.ts'
import { type OutcomeView, PLAIN_VIEW } from './transform-report.ts'

const VIEWS: Readonly<Record<string, OutcomeView>> = {
  merge: MERGE_VIEW,
  'merge-lora': MERGE_LORA_VIEW,
  'extract lora': EXTRACT_LORA_VIEW,
  'lora merge': LORA_MERGE_VIEW,
  'lora resize': LORA_RESIZE_VIEW,
}

export function outcomeViewOf(verb: string): OutcomeView {
  return Object.hasOwn(VIEWS, verb) ? VIEWS[verb]! : PLAIN_VIEW
}
