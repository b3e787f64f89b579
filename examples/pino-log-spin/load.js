// Load of a given kind and rate for the notes service, ends by itself.
// node load.js PORT read|write|list|mixed REQUESTS_PER_SECOND SECONDS
'use strict'

const http = require('node:http')

const [port, kind, rate, seconds] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4]), Number(process.argv[5])]
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
const NOTES = 200
const BROWSER = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en-US,en;q=0.5',
  'accept-encoding': 'identity'
}

// A fixed sequence: two runs send the same requests.
let state = 1
function random (below) {
  state = (state * 48271) % 2147483647
  return state % below
}

function send (method, path, body) {
  // Every fifth connection is closed by the client, as browsers do.
  const headers = { ...BROWSER, cookie: `session=${'0123456789abcdef'.repeat(32)}; seen=${random(1e9)}` }
  if (random(5) === 0) headers.connection = 'close'
  const request = http.request({ host: '127.0.0.1', port, method, path, agent, headers }, (response) => response.resume())
  request.on('error', () => {})
  request.setTimeout(5000, () => request.destroy())
  request.end(body)
}

function one (what) {
  if (what === 'mixed') return one(['read', 'read', 'read', 'write', 'read', 'read', 'list', 'write', 'read', 'missing'][random(10)])
  if (what === 'list') return send('GET', '/notes')
  if (what === 'missing') return send('GET', '/notes/none')
  const path = `/notes/n${random(NOTES)}`
  if (what === 'write') return send('PUT', path, 'x'.repeat(200 + random(20000)))
  send('GET', path)
}

const timer = setInterval(() => one(kind), 1000 / rate)
setTimeout(() => { clearInterval(timer); agent.destroy() }, seconds * 1000)
