// The reference PDS and the reference PLC directory, on loopback, for tests and the demo.
//
//   node pds.mjs [--data DIR] [--blob-limit BYTES]
//
// Prints one JSON line {"pds", "plc", "pid"} when both answer. Stops on SIGTERM, and when stdin
// closes, so that a parent which dies leaves no server behind. With --data everything survives a
// restart on the same ports; without, it lives in a temporary folder that is removed at exit.
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

process.env.LOG_ENABLED ??= 'false'
const { PDS } = await import('@atproto/pds')
const { Secp256k1Keypair, randomStr } = await import('@atproto/crypto')
const plcModule = await import('@did-plc/server')
const { PlcServer, Database } = plcModule.default?.PlcServer ? plcModule.default : plcModule

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    'blob-limit': { type: 'string', default: String(5 * 1024 * 1024) },
  },
})

const folder = options.data ?? fs.mkdtempSync(path.join(os.tmpdir(), 'atdata-pds-'))
fs.mkdirSync(path.join(folder, 'blobs'), { recursive: true })
if (!options.data) process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))

const settings = await loadSettings(path.join(folder, 'settings.json'))
const plc = await startPlc(settings)
const pds = await startPds(settings)
process.stdout.write(
  JSON.stringify({
    pds: `http://localhost:${settings.pdsPort}`,
    plc: `http://localhost:${settings.plcPort}`,
    pid: process.pid,
  }) + '\n',
)

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(1), 8000).unref()
  await pds.destroy()
  await plc.destroy()
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.stdin.on('end', stop).on('error', stop).resume()

// Keys and ports are made once per data folder: a DID document names the port.
async function loadSettings(file) {
  if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, 'utf8'))
  const rotation = await Secp256k1Keypair.create({ exportable: true })
  const made = {
    rotationKeyHex: Buffer.from(await rotation.export()).toString('hex'),
    recoveryDid: (await Secp256k1Keypair.create()).did(),
    jwtSecret: randomStr(16, 'base32'),
    adminPassword: randomStr(16, 'base32'),
    plcPort: await freePort(),
    pdsPort: await freePort(),
  }
  fs.writeFileSync(file, JSON.stringify(made), { mode: 0o600 })
  return made
}

async function startPlc({ plcPort }) {
  const database = Database.mock()
  const file = path.join(folder, 'plc.json')
  if (options.data) await keepOperations(database, file)
  const server = PlcServer.create({ db: database, port: plcPort })
  onLoopback(server.app)
  await server.start()
  return server
}

// The directory's in-memory database, written to a file after each operation.
async function keepOperations(database, file) {
  const { CID } = await import('multiformats/cid')
  if (fs.existsSync(file)) {
    for (const [did, operations] of Object.entries(JSON.parse(fs.readFileSync(file, 'utf8')))) {
      database.contents[did] = operations.map((it) => ({
        ...it,
        cid: CID.parse(it.cid),
        createdAt: new Date(it.createdAt),
      }))
    }
  }
  const add = database.validateAndAddOp.bind(database)
  database.validateAndAddOp = async (...args) => {
    await add(...args)
    const plain = Object.entries(database.contents).map(([did, operations]) => [
      did,
      operations.map((it) => ({ ...it, cid: it.cid.toString() })),
    ])
    fs.writeFileSync(file, JSON.stringify(Object.fromEntries(plain)))
  }
}

async function startPds(s) {
  const server = await PDS.fromEnv({
    devMode: true,
    hostname: 'localhost',
    port: s.pdsPort,
    dataDirectory: folder,
    blobstoreDiskLocation: path.join(folder, 'blobs'),
    blobUploadLimit: Number(options['blob-limit']),
    rateLimitsEnabled: false,
    didPlcUrl: `http://localhost:${s.plcPort}`,
    plcRotationKeyK256PrivateKeyHex: s.rotationKeyHex,
    recoveryDidKey: s.recoveryDid,
    jwtSecret: s.jwtSecret,
    adminPassword: s.adminPassword,
    serviceHandleDomains: ['.test'],
    inviteRequired: false,
    disableSsrfProtection: true,
    serviceName: 'atdata test PDS',
  })
  onLoopback(server.app)
  await server.start()
  return server
}

// Both servers would listen on every interface.
function onLoopback(app) {
  const listen = app.listen.bind(app)
  app.listen = (port, ...rest) => listen(port, '127.0.0.1', ...rest)
}

// Below the range of outgoing connections: a port of that range may be gone before it is used.
async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000)
    if (await isFree(port)) return port
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const socket = net.createServer().once('error', () => resolve(false))
    socket.listen(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}
