/** Fluxbase's dialect as its clients know it. One server answers all of it. */
import './service.ts'
import './auth.ts'
import './auth-offers.ts'
import './client-keys.ts'
import './tables.ts'
import './openapi.ts'
import './sdk.ts'
