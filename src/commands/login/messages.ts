import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  exampleLogin: 'Ask for the key, check it, and save it in a file that only you can read',
  exampleFromFile: 'Read it from a file or a password manager',
  exampleCheck: 'Show whose key is in use, and where it comes from',
  exampleRemove: 'Remove the saved key',
  checkOption: 'Show whose key is in use',
  removeOption: 'Remove the saved key',
  saved: (account: string, path: string) => `the key of ${account} works; it is saved in ${path}`,
  inUse: (origin: string, account: string) => `the key from ${origin} belongs to ${account}`,
  removed: (path: string) => `the key was removed from ${path}`,
  accountOfTier: (username: string, tier: string) => `${username} (${tier})`,
  noKey: 'no API key is set',
  loginOrVariable: 'Run sdtool login, or set CIVITAI_TOKEN.',
  noHome: 'there is no home folder to save a key in',
  setHome: 'Set HOME or XDG_CONFIG_HOME, or use CIVITAI_TOKEN instead.',
  noInput: 'there is no input to read the key from',
  prompt: 'API key (from your account page; it is not shown): ',
  notAKey: 'the input is not an API key',
  copyKey: 'Copy it from your account page: https://civitai.com/user/account.',
})
