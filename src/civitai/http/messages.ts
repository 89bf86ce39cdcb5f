import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  tooManyRedirects: (host: string, most: number) => `${host} redirects more than ${most} times`,
  redirectNotWeb: (host: string, protocol: string) =>
    `${host}: a redirect to ${protocol}, which is not a web address, was not followed`,
  redirectInvalid: (host: string) => `${host}: a redirect to an invalid address was not followed`,
  redirectToHttp: (host: string, to: string) =>
    `${host}: a redirect from https to http (${to}) was not followed`,
  redirectPrivate: (host: string, to: string) =>
    `${host}: a redirect into a private network (${to}) was not followed`,
  nameFirstServer:
    'If you run the servers yourself, give the address of the first one: --civitai-url http://192.168.0.2:8080.',
  resolvesTo: (hostname: string, address: string) => `${hostname} is ${address}`,

  tokenRefused: (host: string, origin: string) => `${host} does not accept the token from ${origin}`,
  loginRequired: (host: string) => `${host}: this download requires a login`,
  tokenExpired: 'It may have expired: create a new API key on your account page, then run sdtool login.',
  createKey: 'Create an API key on your account page, then run sdtool login or set CIVITAI_TOKEN.',
  /** What a token prints as. */
  hiddenToken: (origin: string) => `(token from ${origin})`,

  /** Who is to blame where a proxy was connected to. */
  proxy: (host: string, address: string) => `${host}: the proxy ${address}`,
  noSuchHost: (who: string) => `${who}: no such host`,
  notResolved: (who: string) => `${who}: the name cannot be resolved; is there a network connection?`,
  connectionRefused: (who: string) => `${who} refuses the connection`,
  connectionLost: (who: string) => `${who}: the connection was lost`,
  noNetwork: (who: string) => `${who}: there is no network connection`,
  unreachable: (who: string) => `${who} cannot be reached`,
  noAnswer: (who: string) => `${who} does not answer`,
  noAnswerToRequest: (who: string) => `${who} accepted the request, but does not answer`,
  stoppedSending: (who: string) => `${who} stopped sending`,
  answerTakesTooLong: (who: string) => `${who} takes too long to answer`,
  lengthMismatch: (who: string) => `${who} sent a different number of bytes than it announced`,
  certificateExpired: (who: string) => `${who}: the certificate has expired`,
  certificateUntrusted: (who: string) => `${who}: the certificate is not trusted`,
  certificateOfAnotherHost: (who: string) => `${who}: the certificate belongs to another host`,
  notHttp: (who: string) => `${who} does not speak HTTP`,
  otherFailure: (who: string, message: string) => `${who}: ${message}`,
  afterWaiting: (failure: string, seconds: number) => `${failure} (waited ${seconds} s)`,
  checkConnection:
    'Check the connection and run the same command again; downloads continue where they stopped.',
  answerTooLarge: (host: string, most: number) => `${host}: the answer is larger than ${most} bytes`,
})
