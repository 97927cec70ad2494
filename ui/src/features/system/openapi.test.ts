import { describe, expect, it } from 'vitest'
import {
  bodySchema,
  operationGroups,
  schemaRows,
  searchOperations,
  typeText,
  type OpenApiDocument,
} from './openapi'

const DOCUMENT: OpenApiDocument = {
  info: { title: 'x', version: '1' },
  paths: {
    '/api/v1/session': {
      get: { operationId: 'get_session', tags: ['session'] },
      post: { operationId: 'sign_in', tags: ['session'], summary: 'Sign in' },
    },
    '/api/v1/hosts': { get: { operationId: 'list_hosts' } },
  },
  components: {
    schemas: {
      Node: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', description: 'what it is called' },
          children: { type: 'array', items: { $ref: '#/components/schemas/Node' } },
          health: { $ref: '#/components/schemas/Health' },
          until: { type: ['string', 'null'], format: 'date-time' },
          id: { $ref: '#/components/schemas/NodeId' },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
      NodeId: { type: 'string', format: 'ulid' },
      Health: { type: 'string', enum: ['up', 'down'] },
    },
  },
}

describe('operations', () => {
  it('stand under their tag, or under the noun of the path', () => {
    const groups = operationGroups(DOCUMENT)
    expect(groups.map(({ tag, operations }) => [tag, operations.length])).toEqual([
      ['session', 2],
      ['hosts', 1],
    ])
  })
  it('are found by all words', () => {
    const found = searchOperations(operationGroups(DOCUMENT), 'post session')
    expect(found.flatMap(({ operations }) => operations).map(({ id }) => id)).toEqual(['sign_in'])
  })
})

describe('schemas', () => {
  it('become rows and circles end', () => {
    const rows = schemaRows({ $ref: '#/components/schemas/Node' }, DOCUMENT)
    expect(rows.map(({ name, type, required }) => [name, type, required])).toEqual([
      ['name', 'string', true],
      ['children', 'Node[]', false],
      ['health', '"up" | "down"', false],
      ['until', 'string (date-time) | null', false],
      ['id', 'string (ulid)', false],
      ['labels', 'map of string', false],
    ])
  })
  it('show variants by name', () => {
    const schema = { oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Node' }] }
    expect(typeText(schema, DOCUMENT)).toBe('null | Node')
    expect(schemaRows(schema, DOCUMENT)).toHaveLength(6)
  })
  it('are taken from the JSON body', () => {
    const body = {
      content: { 'text/plain': {}, 'application/json': { schema: { type: 'string' } } },
    }
    expect(bodySchema(body)).toEqual({ media: 'application/json', schema: { type: 'string' } })
    expect(bodySchema(undefined)).toBeUndefined()
  })
})
