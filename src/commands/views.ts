/** How outcomes of operations are shown, where that is not the plain way. */
import { LORA_MERGE_VIEW } from './lora-merge-page.ts'

import { MERGE_VIEW } from './merge-page.ts'
import { type OutcomeView, PLAIN_VIEW } from './transform-report.ts'

const VIEWS: Readonly<Record<string, OutcomeView>> = { merge: MERGE_VIEW, 'lora merge': LORA_MERGE_VIEW }

export function viewOf(verb: string): OutcomeView {
  return Object.hasOwn(VIEWS, verb) ? VIEWS[verb]! : PLAIN_VIEW
}
