/** What sdtool uses of undici. Its index.js also loads fetch, web sockets, caches and mocks: 9 MB and 50 ms of every call. */
export { default as Agent } from '../node_modules/undici/lib/dispatcher/agent.js'
export { default as EnvHttpProxyAgent } from '../node_modules/undici/lib/dispatcher/env-http-proxy-agent.js'
