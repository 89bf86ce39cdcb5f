import { defined } from '../system/defined.ts'
import { quoted } from '../system/text.ts'
import type { Finding } from '../tensor/values/table.ts'

/** Names a message repeats; the rest is counted. */
export const MAX_NAMES = 3

export function info(code: string, message: string, bytes?: number): Finding {
  return { code, severity: 'info', message, ...defined({ bytes }) }
}

export function warning(code: string, message: string, bytes?: number): Finding {
  return { code, severity: 'warning', message, ...defined({ bytes }) }
}

export function error(code: string, message: string): Finding {
  return { code, severity: 'error', message }
}

/** "12 keys (a, b, c, ...)", with at most `MAX_NAMES` names. */
export function counted(names: readonly string[], noun: string): string {
  const shown = names.slice(0, MAX_NAMES).map(quoted).join(', ')
  return `${names.length} ${noun}${names.length === 1 ? '' : 's'} (${shown}${names.length > MAX_NAMES ? ', ...' : ''})`
}
