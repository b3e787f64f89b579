// A small notes service: one file a note, one log line a request.
//
// Its log goes to standard output through pino's asynchronous destination, the way
// pino's documentation recommends for servers (docs/asynchronous.md). Standard output is
// a pipe to a log collector. node server.js DIRECTORY PORT
'use strict'

const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const pino = require('pino')

const directory = process.argv[2]
const port = Number(process.argv[3])
fs.mkdirSync(directory, { recursive: true })

const destination = pino.destination({ dest: 1, sync: false, minLength: 1024 })
const logger = pino({ level: 'info' }, destination)

function notePath (id) {
  return path.join(directory, `${id}.txt`)
}

function reply (response, status, body) {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function failed (response, error, what) {
  if (error.code === 'ENOENT') return reply(response, 404, 'no such note\n')
  // The store itself is broken: the loudest level there is, which pino flushes at once.
  logger.fatal({ err: error }, what)
  reply(response, 500, 'storage failure\n')
}

function readNote (response, id) {
  fs.readFile(notePath(id), (error, body) => {
    if (error) return failed(response, error, 'cannot read a note')
    reply(response, 200, body)
  })
}

function writeNote (request, response, id) {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const draft = `${notePath(id)}.new`
    fs.writeFile(draft, Buffer.concat(chunks), (error) => {
      if (error) return failed(response, error, 'cannot write a note')
      publishNote(response, draft, id)
    })
  })
}

function publishNote (response, draft, id) {
  fs.rename(draft, notePath(id), (error) => {
    if (error) return failed(response, error, 'cannot publish a note')
    reply(response, 201, 'stored\n')
  })
}

function listNotes (response) {
  fs.readdir(directory, (error, names) => {
    if (error) return failed(response, error, 'cannot list the notes')
    const notes = names.filter((name) => name.endsWith('.txt')).slice(0, 20)
    describeNotes(response, notes, [])
  })
}

function describeNotes (response, names, lines) {
  const name = names.shift()
  if (name === undefined) return reply(response, 200, lines.join(''))
  fs.stat(path.join(directory, name), (error, stats) => {
    if (!error) lines.push(`${name} ${stats.size}\n`)
    describeNotes(response, names, lines)
  })
}

function logRequest (request, response, startedAt) {
  logger.info({
    method: request.method,
    url: request.url,
    headers: request.headers,
    remotePort: request.socket.remotePort,
    status: response.statusCode,
    milliseconds: Number(process.hrtime.bigint() - startedAt) / 1e6
  }, 'request')
}

function route (request, response) {
  const startedAt = process.hrtime.bigint()
  response.on('finish', () => logRequest(request, response, startedAt))
  const [, collection, id] = request.url.split('/')
  if (collection !== 'notes') return reply(response, 404, 'no such page\n')
  if (!id) return listNotes(response)
  if (request.method === 'PUT') return writeNote(request, response, id)
  readNote(response, id)
}

http.createServer(route).listen(port, '127.0.0.1', () => {
  // Touching process.stdout makes node put the pipe into non-blocking mode.
  process.stdout.write(`notes service on port ${port}\n`)
})
