import type { Argv } from 'yargs'
import { DEFAULT_URL } from '../../civitai/http/hosts.ts'
import { messages } from './messages.ts'

export function withCivitaiUrl(yargs: Argv): Argv {
  return yargs.option('civitai-url', {
    type: 'string',
    describe: messages.siteOption,
    defaultDescription: messages.siteDefault(DEFAULT_URL),
  })
}
