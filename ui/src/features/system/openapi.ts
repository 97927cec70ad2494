/** Reads an OpenAPI 3.1 document for people: operations by tag, schemas as flat rows. Pure. */

export interface Schema {
  $ref?: string
  type?: string | string[]
  format?: string
  description?: string
  enum?: unknown[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
  default?: unknown
  minimum?: number
  maximum?: number
}

interface MediaTypes {
  content?: Record<string, { schema?: Schema }>
  description?: string
}

interface RawOperation {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  parameters?: {
    name: string
    in: string
    required?: boolean
    description?: string
    schema?: Schema
  }[]
  requestBody?: MediaTypes & { required?: boolean }
  responses?: Record<string, MediaTypes>
}

export interface OpenApiDocument {
  info: { title: string; version: string; description?: string }
  paths: Record<string, Record<string, RawOperation>>
  tags?: { name: string; description?: string }[]
  components?: { schemas?: Record<string, Schema> }
}

/** One method of one path. */
export interface Operation extends RawOperation {
  id: string
  method: string
  path: string
}

export interface OperationGroup {
  tag: string
  operations: Operation[]
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** All operations by their first tag, in the document's order. */
export function operationGroups(document: OpenApiDocument): OperationGroup[] {
  const groups = new Map<string, Operation[]>()
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const raw = item[method]
      if (!raw) continue
      const tag = raw.tags?.[0] ?? path.split('/').filter(Boolean)[2] ?? 'other'
      const id = raw.operationId ?? `${method} ${path}`
      groups.set(tag, [...(groups.get(tag) ?? []), { ...raw, id, method, path }])
    }
  }
  return [...groups].map(([tag, operations]) => ({ tag, operations }))
}

/** The operations that contain all words of the search. */
export function searchOperations(groups: OperationGroup[], search: string): OperationGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return groups
    .map(({ tag, operations }) => ({
      tag,
      operations: operations.filter(({ id, path, method, summary }) => {
        const text = `${tag} ${id} ${method} ${path} ${summary ?? ''}`.toLowerCase()
        return words.every((word) => text.includes(word))
      }),
    }))
    .filter(({ operations }) => operations.length > 0)
}

/** One property of a schema as a row; `depth` indents. */
export interface SchemaRow {
  name: string
  depth: number
  type: string
  required: boolean
  description: string
}

const DEPTH_MAX = 5

/** The properties of a schema, nested ones below their owner; a circle is not followed. */
export function schemaRows(
  schema: Schema | undefined,
  document: OpenApiDocument,
  depth = 0,
  seen: readonly string[] = [],
): SchemaRow[] {
  const { schema: resolved, name } = resolve(schema, document)
  if (!resolved || depth > DEPTH_MAX || (name && seen.includes(name))) return []
  const path = name ? [...seen, name] : seen
  const inherited = (resolved.allOf ?? []).flatMap((part) =>
    schemaRows(part, document, depth, path),
  )
  const variants = [...(resolved.oneOf ?? []), ...(resolved.anyOf ?? [])].filter(
    (variant) => variant.type !== 'null',
  )
  const only = variants.length === 1 ? schemaRows(variants[0], document, depth, path) : []
  const items = resolved.items ? schemaRows(resolved.items, document, depth, path) : []
  const own = Object.entries(resolved.properties ?? {}).flatMap(([property, value]) => [
    {
      name: property,
      depth,
      type: typeText(value, document),
      required: resolved.required?.includes(property) ?? false,
      description: describe(value, document),
    },
    ...schemaRows(value, document, depth + 1, path),
  ])
  return [...inherited, ...only, ...items, ...own]
}

/** The type in words: `string (date-time)`, `Target[]`, `"up" | "down"`, `integer | null`. */
export function typeText(schema: Schema | undefined, document: OpenApiDocument): string {
  if (!schema) return 'any'
  if (schema.$ref) {
    const { schema: target, name } = resolve(schema, document)
    const plain = target && !target.properties && !target.allOf && !target.oneOf
    return plain ? typeText(target, document) : name
  }
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const variants = schema.oneOf ?? schema.anyOf ?? schema.allOf
  if (variants) return variants.map((variant) => typeText(variant, document)).join(' | ')
  const types = [schema.type ?? 'any'].flat()
  return types.map((type) => plainType(type, schema, document)).join(' | ')
}

/** The schema of a body, JSON if there is a choice, with its media type. */
export function bodySchema(
  body: MediaTypes | undefined,
): { media: string; schema?: Schema } | undefined {
  const entries = Object.entries(body?.content ?? {})
  const [media, value] = entries.find(([type]) => type.includes('json')) ?? entries[0] ?? []
  return media ? { media, schema: value?.schema } : undefined
}

function plainType(type: string, schema: Schema, document: OpenApiDocument): string {
  if (type === 'array') return `${typeText(schema.items, document)}[]`
  if (type === 'object' && typeof schema.additionalProperties === 'object') {
    return `map of ${typeText(schema.additionalProperties, document)}`
  }
  return schema.format && type !== 'null' ? `${type} (${schema.format})` : type
}

function describe(schema: Schema, document: OpenApiDocument): string {
  return schema.description ?? resolve(schema, document).schema?.description ?? ''
}

function resolve(
  schema: Schema | undefined,
  document: OpenApiDocument,
): { schema?: Schema; name: string } {
  const name = schema?.$ref?.split('/').pop() ?? ''
  return name ? { schema: document.components?.schemas?.[name], name } : { schema, name: '' }
}
