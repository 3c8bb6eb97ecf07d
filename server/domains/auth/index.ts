export { Identifier, invalidApiKey, invalidToken } from './identify.ts'
