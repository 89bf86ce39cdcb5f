/** The process behind `openSession`: loads one model, then runs it as often as it is asked to. */
import { speaking } from '../../system/language.ts'
import { plainError } from '../../system/plain-error.ts'
import { hostSession } from './session-host.ts'
import type { HostReply, HostRequest, Session, SpokenRequest } from './session-protocol.ts'

let session: Session | undefined

async function answer(request: HostRequest): Promise<HostReply> {
  if ('create' in request) {
    session = await hostSession(request.create)
    return { results: {} }
  }
  return { results: await session!.run(request.run) }
}

process.on('message', ({ language, ...request }: SpokenRequest) => {
  speaking(language, () => answer(request))
    .catch((error: unknown) => ({ error: plainError(error) }))
    .then((reply) => process.send?.(reply))
})
process.on('disconnect', () => process.exit())
// Ctrl-C reaches every process of the terminal: the one that was started there ends this one when it is ready to
process.on('SIGINT', () => {})
