/** Butterbase's dialect as its clients know it. One server answers all of it. */
import './service.ts'
import './apps.ts'
import './keys.ts'
import './config.ts'
import './schema.ts'
import './rls.ts'
import './rows.ts'
import './auth.ts'
// The first calls what the second looks at.
import './functions-called.ts'
import './functions-managed.ts'
