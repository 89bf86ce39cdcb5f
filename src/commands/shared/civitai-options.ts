import type { Argv } from 'yargs'
import { DEFAULT_URL } from '../../civitai/http/hosts.ts'

export function withCivitaiUrl(yargs: Argv): Argv {
  return yargs.option('civitai-url', {
    type: 'string',
    describe: 'Address of the site: https://civitai.red, or one of your own',
    defaultDescription: `SDTOOL_CIVITAI_URL or ${DEFAULT_URL}`,
  })
}
