/** The committed types are those of the committed API document; `npm run api` writes them. */
import { readFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
import { expect, it } from 'vitest'

it('is generated from openapi.json', async () => {
  const document = readFileSync('src/api/openapi.json', 'utf8')
  const types = astToString(await openapiTS(document, { defaultNonNullable: false }))
  const committed = readFileSync('src/api/schema.d.ts', 'utf8')
  // The command puts a comment of its own before the types.
  expect(committed.slice(committed.indexOf('export '))).toBe(types)
}, 30_000)
