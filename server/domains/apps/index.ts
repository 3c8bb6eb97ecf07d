export { Apps, type AppsNeeds } from './apps.ts'
export type { App, AppPatch, AppState } from './apps.sql.ts'
export { type Cluster, databaseUrl, openCluster, rolesOf } from './cluster.ts'
export { type AppContext, appContext, type Context } from './context.ts'
export { setAccessMode, setPaused } from './configuration.ts'
export { type AppDatabases } from './databases.ts'
export type { ApiKeyRole, AppKeys } from './keys.ts'
export {
  type AppRequest,
  createApp,
  deleteApp,
  ensureDefaultApp,
  listApps,
  resumeUnfinished,
} from './lifecycle.ts'
export { renewLogins } from './renew-logins.ts'
export { everyAppId, renewSealedApp } from './renew-sealed.ts'
export { openRegions, type Regions, type RegionSetting } from './regions.ts'
export {
  addressedApp,
  appDeleting,
  managedApp,
  notTheOwner,
  requireNotPaused,
  requireUsable,
  requireWritable,
} from './access.ts'
export {
  cloneWebhookOf,
  cloneWebhookSecret,
  corsSettingsOf,
  setAuthHook,
  setCloneWebhook,
  setCors,
  setStorageRules,
  setTokenLifetimes,
  setVisibility,
} from './settings.ts'
export { isOn, isSet, setSwitches, type SwitchName } from './switches.ts'
