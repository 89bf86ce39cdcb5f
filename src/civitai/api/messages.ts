import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

type IdKind = 'model' | 'version' | 'file'

const REFERENCE =
  'Give the address of a Civitai page or of its API, an AIR (urn:air:...), model:ID, version:ID, hash:HEX, or a number.'

const given = (said: string): string => (said === '' ? '' : ` (${said})`)

export const messages = catalogue({
  notAir: (text: string) => `${quoted(text)} is not an AIR`,
  airForm: 'An AIR looks like urn:air:sdxl:lora:civitai:357756@399893.',
  airOfAnotherSite: (text: string, source: string) =>
    `${quoted(text)} names a resource on ${source}; sdtool downloads from Civitai only`,
  notAnId: (text: string, digits: string, kind: IdKind) =>
    `${quoted(text)}: ${quoted(digits)} is not a ${kind} ID`,

  referenceHelp: REFERENCE,
  notAReference: (text: string) => `${quoted(text)} does not name anything on Civitai`,
  referenceHelpOrSearch: `${REFERENCE} sdtool search finds models by words.`,
  notAHash: (text: string) => `hash:${quoted(text)} is not a hash that Civitai uses`,
  hashForms: 'Its hashes have 8 (AutoV1, CRC32), 10 (AutoV2), 12 (AutoV3) or 64 (SHA256, BLAKE3) hex digits.',
  notACivitaiAddress: (address: string) => `${quoted(address)} is not an address on Civitai`,
  referenceHelpOrHost: `${REFERENCE} For another host: --civitai-url.`,
  notAModelPage: (address: string) => `${quoted(address)} is not the page of a model`,
  notAnAddress: (text: string) => `${quoted(text)} is not a web address`,

  tokenFileReadable: (path: string) =>
    `${path} holds a token and can be read by other users: chmod 600 ${path}`,
  tokenMalformed: (origin: string) => `${origin} does not hold a valid token`,
  copyKeyAgain: 'Copy the API key from your account page again.',

  /** What a request is about, at the beginning of a message. */
  aModel: (id: number) => `model ${id}`,
  aVersion: (id: number) => `version ${id}`,
  aHash: (hash: string) => `hash ${hash}`,
  models: 'models',
  hashes: 'hashes',
  search: 'search',
  yourAccount: 'your account',
  itsNames: 'names of types and base models',

  unlikeTheApi: (what: string, host: string) => `${what}: the answer from ${host} does not follow its API`,
  isItCivitai: 'Is --civitai-url the address of a Civitai site?',
  notJson: (what: string, host: string) => `${what}: the answer from ${host} cannot be read as JSON`,
  somethingInBetween: 'A captive portal, a proxy or a firewall may have answered instead.',

  downloadDisabled: (what: string) =>
    `${what}: the creator has disabled downloads; it can be used only on the site`,
  tokenDoesNotHelp: 'A token does not help here. Other versions of the model may be downloadable.',
  tokenRefused: (what: string, host: string, origin: string) =>
    `${what}: ${host} does not accept the token from ${origin}`,
  loginRequired: (what: string, host: string) => `${what}: ${host} requires a login`,
  earlyAccess: (what: string, until: string | undefined) =>
    until === undefined ? `${what} is in early access` : `${what} is in early access until ${until}`,
  waitOrBuy: (hasDate: boolean, isLoggedIn: boolean) => {
    const buy = isLoggedIn ? 'access on its page' : 'access on its page and log in with sdtool login'
    return `${hasDate ? 'Wait until then, or buy' : 'Buy'} ${buy}; older versions may be free.`
  },
  noAccess: (what: string) => `${what}: your account has no access to this file`,
  mayBePrivate: 'It may be private, or for sale: see its page on the site.',
  blocked: (host: string) => `${host} rejects requests from this address or account`,
  tryAnotherNetwork:
    "Its firewall may block a VPN or a proxy. Try another network, or contact the site's support.",
  notFound: (what: string, host: string) => `${what} does not exist on ${host}, or is hidden`,
  mayBeDeleted: 'It may have been deleted or unpublished.',
  mayBeOnRed:
    'It may have been deleted or unpublished, or exist only on civitai.red: --civitai-url https://civitai.red.',
  archived: (what: string) => `${what}: the model is archived; its files can no longer be downloaded`,
  findElsewhere: 'Others may offer it: search for its hash or name.',
  quota: (host: string) => `${host}: your account or address has reached its hourly download limit`,
  waitAnHour: 'Run the same command again in an hour; finished files are kept and partial ones are resumed.',
  tooDeepIntoList: 'the site does not serve pages this far into a list',
  useCursor: 'Continue with --cursor, or narrow the search.',
  rateLimit: (host: string) => `${host}: too many requests`,
  fewerJobs: 'Wait a few minutes, and use fewer --jobs.',
  serverError: (what: string, host: string, status: number, said: string) =>
    `${what}: ${host} answered with status ${status}${given(said)}`,
  tryLater: 'The site has problems. Try again later; downloads continue where they stopped.',
  badRequest: (what: string, said: string) =>
    `${what}: the site does not understand the request${given(said)}`,
  checkSpelling: 'Check the spelling of the options; names of types and base models are case-sensitive.',
  unexpectedAnswer: (what: string, host: string, status: number, said: string) =>
    `${what}: unexpected answer ${status} from ${host}${given(said)}`,
})
