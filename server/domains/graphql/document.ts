/** The text of a request, parsed and compared with the schema. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  getNamedType,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isScalarType,
  Kind,
  type NamedTypeNode,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  TypeInfo,
  typeFromAST,
  validate,
  type ValidationRule,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { invalid } from '#core/errors'
import { LruCache } from '#core/lru-cache'
import type { CompiledOperation } from './compile-operation.ts'
import type { Variable } from './inputs.ts'
import { checkNesting, checkSize, isIntrospection } from './limits.ts'
import type { Model } from './model.ts'
import type { Fragments } from './selection.ts'
import type { GraphqlSettings } from './settings.ts'

export type PreparedOperation = {
  node: OperationDefinitionNode
  document: DocumentNode
  fragments: Fragments
  variables: readonly Variable[]
  /** Declared as `ID` where a key of another scalar stands: what is given is read as that. */
  ids: ReadonlyMap<string, string>
  /** Asks for the schema only. */
  introspection: boolean
  /** Variables whose values stand in statements; known once they are compiled. */
  fixed: Set<string>
  /** By the shape of the variables. */
  compiled: LruCache<CompiledOperation>
}

export type Prepared =
  | { errors: readonly GraphQLError[] }
  | { errors: undefined; operations: ReadonlyMap<string, PreparedOperation> }

type Against = { schema: GraphQLSchema; model: Model; settings: GraphqlSettings }

/** Reading more would hold others up; long values belong into variables. */
const MAX_TOKENS = 30_000
const MAX_ERRORS = 20
const MAX_SHAPES = 50
/** Characters of them together: what a variable says may be part of its shape. */
const MAX_SHAPE_CHARS = 50_000

/** @throws `invalid` graphql_syntax, graphql_limit */
export function prepare(text: string, { schema, model, settings }: Against): Prepared {
  checkNesting(text, settings)
  const parsed = parsedText(text)
  checkSize(parsed, settings)
  const { document, ids } = withOurTypes(renamed(parsed, model), schema)
  const rules = settings.introspection ? specifiedRules : [...specifiedRules, noIntrospection]
  const errors = validate(schema, document, rules, {
    maxErrors: MAX_ERRORS,
    hideSuggestions: !settings.introspection,
  })
  if (errors.length > 0) return { errors }
  return { errors: undefined, operations: operationsOf(document, schema, ids) }
}

function parsedText(text: string): DocumentNode {
  try {
    return parse(text, { maxTokens: MAX_TOKENS })
  } catch (cause) {
    const details =
      cause instanceof GraphQLError
        ? { locations: cause.locations, reason: cause.message }
        : { reason: 'too deep' }
    throw invalid('graphql_syntax', 'Invalid query syntax', { cause, details })
  }
}

const noIntrospection: ValidationRule = (context) => ({
  Field(node) {
    if (node.name.value !== '__schema' && node.name.value !== '__type') return
    context.reportError(new GraphQLError('GraphQL introspection is disabled', { nodes: node }))
  },
})

/** Clients may say `UserInput` for `UsersInput`. */
function renamed(document: DocumentNode, { twins }: Model): DocumentNode {
  const NamedType = (node: NamedTypeNode): NamedTypeNode | undefined => {
    const twin = twins.get(node.name.value)
    return twin === undefined ? undefined : { ...node, name: { ...node.name, value: twin } }
  }
  return visit(document, {
    VariableDefinition: (node) => visit(node, { NamedType }),
    Field: () => false,
  }) as DocumentNode
}

type WithIds = { document: DocumentNode; ids: Map<string, string> }

const isId = (name: string): boolean => name === 'ID'

/** A variable declared as `ID` gets the scalar of the place where it is used. */
function withOurTypes(document: DocumentNode, schema: GraphQLSchema): WithIds {
  const ids = new Map<string, string>()
  let declared = false
  visit(document, {
    VariableDefinition(node) {
      const type = node.type.kind === Kind.NON_NULL_TYPE ? node.type.type : node.type
      if (type.kind === Kind.NAMED_TYPE && isId(type.name.value)) declared = true
      return false
    },
  })
  if (!declared) return { document, ids }
  const info = new TypeInfo(schema)
  const find = visitWithTypeInfo(info, {
    Variable(node) {
      const type = info.getInputType()
      const named = type && getNamedType(type)
      if (named && isScalarType(named)) ids.set(node.name.value, named.name)
    },
  })
  visit(document, find)
  return { document: withScalars(document, ids), ids }
}

function withScalars(document: DocumentNode, ids: Map<string, string>): DocumentNode {
  return visit(document, {
    Field: () => false,
    VariableDefinition(node) {
      const scalar = ids.get(node.variable.name.value)
      if (scalar === undefined) return false
      return visit(node, {
        NamedType: (type): NamedTypeNode | undefined =>
          isId(type.name.value) ? { ...type, name: { ...type.name, value: scalar } } : undefined,
      })
    },
  }) as DocumentNode
}

function operationsOf(
  document: DocumentNode,
  schema: GraphQLSchema,
  ids: ReadonlyMap<string, string>,
): Map<string, PreparedOperation> {
  const fragments = new Map<string, FragmentDefinitionNode>()
  const operations = new Map<string, PreparedOperation>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition)
    }
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    operations.set(definition.name?.value ?? '', {
      node: definition,
      document,
      fragments,
      variables: (definition.variableDefinitions ?? []).map(
        ({ variable, type, defaultValue }): Variable => ({
          name: variable.name.value,
          type: typeFromAST(schema, type) as GraphQLInputType,
          default: defaultValue && { literal: defaultValue },
        }),
      ),
      ids,
      introspection: isIntrospection(definition),
      fixed: new Set(),
      compiled: new LruCache(MAX_SHAPES, MAX_SHAPE_CHARS),
    })
  }
  return operations
}
