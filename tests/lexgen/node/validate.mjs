// Validates records with the reference implementation, as the Python test asks.
//
//   node validate.mjs LEXICONS_FOLDER < records.ndjson > verdicts.ndjson

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Lexicons, jsonToLex } from '@atproto/lexicon'

const folder = process.argv[2]
const documents = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
const lexicons = new Lexicons(documents)

for await (const line of createInterface({ input: process.stdin })) {
  const { collection, record } = JSON.parse(line)
  let error = null
  try {
    lexicons.assertValidRecord(collection, jsonToLex(record))
  } catch (caught) {
    error = String(caught.message ?? caught)
  }
  console.log(JSON.stringify({ error }))
}
