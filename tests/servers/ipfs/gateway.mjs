// A real IPFS node on loopback, for tests: Helia's block store and UnixFS, verified-fetch as its
// gateway, and the part of Kubo's RPC that writes files. Nothing leaves the machine: a light Helia
// has no network at all, and what it does not hold is not found.
//
//   node gateway.mjs
//
// Prints one JSON line {"gateway", "api", "pid"} when it answers. Stops on SIGTERM, and when
// stdin closes. Blocks are kept in memory.
//
//   GET  /ipfs/{cid}[/path]      as verified-fetch answers: ?format=raw|car, Accept, Range
//   POST /api/v0/add             multipart; chunker=size-N, raw-leaves, cid-version,
//                                wrap-with-directory, max-file-links
//   POST /api/v0/block/get       ?arg={cid}
//   POST /api/v0/block/put       multipart; cid-codec=raw|dag-pb
import http from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { unixfs } from '@helia/unixfs'
import { createVerifiedFetchWithHelia } from '@helia/verified-fetch'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'

const CODECS = { raw: 0x55, 'dag-pb': 0x70 }
// A gateway probes others with the CID of no bytes, which holds them itself (identity).
const PROBE = 'bafkqaaa'

const helia = createHeliaLight({ start: false })
await helia.start?.()
const files = unixfs(helia)
const fetchVerified = await createVerifiedFetchWithHelia(helia)

const methods = {
  '/api/v0/add': add,
  '/api/v0/block/get': getBlock,
  '/api/v0/block/put': putBlock,
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  try {
    const method = methods[url.pathname]
    if (method && request.method === 'POST') await method(request, response, url.searchParams)
    else if (url.pathname.startsWith('/ipfs/')) await serve(request, response, url)
    else fail(response, 404, 'not found')
  } catch (error) {
    if (response.headersSent) response.destroy()
    else fail(response, 500, String(error?.stack ?? error))
  }
})

async function serve(request, response, url) {
  const [, , root, ...names] = url.pathname.split('/').map(decodeURIComponent)
  const path = names.filter(Boolean).join('/')
  if (root !== PROBE) {
    try {
      const found = path ? (await files.stat(CID.parse(root), { path })).cid : CID.parse(root)
      if (!(await helia.blockstore.has(found))) throw new Error('no such block')
    } catch (error) {
      return fail(response, 404, error.message)
    }
  }
  // verified-fetch knows the header only.
  const format = url.searchParams.get('format')
  const headers = { ...request.headers }
  if (format) headers.accept = `application/vnd.ipld.${format}`
  for (const name of ['host', 'connection']) delete headers[name]
  const stopped = new AbortController()
  response.on('close', () => stopped.abort())
  const answer = await fetchVerified(`/ipfs/${root}${path && `/${path}`}${url.search}`, {
    headers,
    redirect: 'manual',
    session: false,
    signal: stopped.signal,
  })
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  if (request.method === 'HEAD' || !answer.body) return response.end()
  await pipeline(Readable.fromWeb(answer.body), response)
}

async function add(request, response, options) {
  const settings = {
    cidVersion: Number(options.get('cid-version') ?? 0),
    rawLeaves: options.get('raw-leaves') === 'true',
    chunker: fixedSize({ chunkSize: Number((options.get('chunker') ?? 'size-262144').slice(5)) }),
    layout: balanced({ maxChildrenPerNode: Number(options.get('max-file-links') ?? 174) }),
  }
  let folder = options.get('wrap-with-directory') === 'true' ? await files.addDirectory() : null
  const added = []
  for (const [, file] of await form(request)) {
    const cid = await files.addByteStream(file.stream(), settings)
    added.push({ Name: file.name || `${cid}`, Hash: `${cid}`, Size: `${file.size}` })
    if (folder) folder = await files.cp(cid, folder, file.name)
  }
  if (folder) added.push({ Name: '', Hash: `${folder}`, Size: '0' })
  response.setHeader('content-type', 'application/json')
  response.end(added.map((one) => JSON.stringify(one) + '\n').join(''))
}

async function getBlock(request, response, options) {
  const cid = CID.parse(options.get('arg'))
  if (!(await helia.blockstore.has(cid))) return fail(response, 500, 'block was not found locally')
  await pipeline(Readable.from(helia.blockstore.get(cid)), response)
}

async function putBlock(request, response, options) {
  const [[, file]] = await form(request)
  const bytes = new Uint8Array(await file.arrayBuffer())
  const cid = CID.createV1(CODECS[options.get('cid-codec') ?? 'raw'], await sha256.digest(bytes))
  await helia.blockstore.put(cid, bytes)
  response.end(JSON.stringify({ Key: `${cid}`, Size: bytes.length }) + '\n')
}

async function form(request) {
  const headers = { 'content-type': request.headers['content-type'] }
  return new Response(await buffer(request), { headers }).formData()
}

function fail(response, status, message) {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ Message: message, Code: 0, Type: 'error' }) + '\n')
}

server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  process.stdout.write(JSON.stringify({ gateway: url, api: url, pid: process.pid }) + '\n')
})

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(1), 5000).unref()
  server.close()
  server.closeAllConnections()
  await helia.stop?.()
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.stdin.on('end', stop).on('error', stop).resume()
