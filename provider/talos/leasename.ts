/** Name of the lease that whoever changes a cluster holds, whichever command it is. */
export function leaseName(clusterName: string): string {
  return `plinth-cluster-${clusterName}`.toLowerCase().replace(/[^a-z0-9.-]/g, "-");
}
