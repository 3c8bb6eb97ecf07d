/** The regions of the instance, each on a cluster; regions without one of their own share the first. */
import type { Secret } from '#core/secret'
import { type Cluster, type ClusterOptions, openCluster } from './cluster.ts'

export type RegionSetting = { name: string; url: Secret | undefined }

export type Regions = {
  /** In the configured order; the first is the default. */
  readonly names: readonly string[]
  cluster(region: string): Cluster | undefined
  /** Whether some region has a cluster that others do not have. */
  readonly differ: boolean
  close(): Promise<void>
}

/** Opens every cluster that the regions name; `shared` is the one of regions without a URL. */
export async function openRegions(
  settings: readonly RegionSetting[],
  shared: Secret,
  options: ClusterOptions,
): Promise<Regions> {
  const clusters = new Map<string, Cluster>()
  const byRegion = new Map<string, Cluster>()
  for (const { name, url = shared } of settings) {
    const key = url.reveal()
    const cluster = clusters.get(key) ?? (await openCluster(url, options))
    clusters.set(key, cluster)
    byRegion.set(name, cluster)
  }
  return {
    names: settings.map(({ name }) => name),
    cluster: (region) => byRegion.get(region),
    differ: clusters.size > 1,
    async close() {
      await Promise.all([...clusters.values()].map((cluster) => cluster.close()))
    },
  }
}
