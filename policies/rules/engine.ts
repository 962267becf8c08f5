import type { Rule } from "../rule";
import { rule as apiSurvivesAMachine } from "./cluster/api-survives-a-machine";
import { rule as bootstrappedOnce } from "./cluster/bootstrapped-once";
import { rule as contractFitsTalos } from "./cluster/contract-fits-talos";
import { rule as controlPlanesOdd } from "./cluster/control-planes-odd";
import { rule as diskFoundByIdentity } from "./cluster/disk-found-by-identity";
import { rule as installWipesNothing } from "./cluster/install-wipes-nothing";
import { rule as kubeletCertificatesApproved } from "./cluster/kubelet-certificates-approved";
import { rule as kubernetesFitsTalos } from "./cluster/kubernetes-fits-talos";
import { rule as machinesMakeAQuorum } from "./cluster/machines-make-a-quorum";
import { rule as saidInOneForm } from "./cluster/said-in-one-form";
import { rule as talosApiLimited } from "./cluster/talos-api-limited";
import { rule as talosVersionKnown } from "./cluster/talos-version-known";
import { rule as vipIsNoEndpoint } from "./cluster/vip-is-no-endpoint";
import { rule as volumeHasTwoKeys } from "./cluster/volume-has-two-keys";
import { rule as cronjobDoesNotPileUp } from "./kubernetes/cronjob-does-not-pile-up";
import { rule as memoryLimited } from "./kubernetes/memory-limited";
import { rule as namespaceHasASecurityLevel } from "./kubernetes/namespace-has-a-security-level";
import { rule as noAlmightyRole } from "./kubernetes/no-almighty-role";
import { rule as noHostNamespace } from "./kubernetes/no-host-namespace";
import { rule as noHostPath } from "./kubernetes/no-host-path";
import { rule as noPrivilegedPod } from "./kubernetes/no-privileged-pod";
import { rule as oneDefaultStorageClass } from "./kubernetes/one-default-storage-class";
import { rule as releaseRollsBack } from "./kubernetes/release-rolls-back";
import { rule as requestsSet } from "./kubernetes/requests-set";
import { rule as storageHasItsMounts } from "./kubernetes/storage-has-its-mounts";
import { rule as webhookFailureDecided } from "./kubernetes/webhook-failure-decided";
import { rule as cniNotByGitops } from "./network/cni-not-by-gitops";
import { rule as ingressHasTls } from "./network/ingress-has-tls";
import { rule as loadBalancerInAPool } from "./network/load-balancer-in-a-pool";
import { rule as networksWhole } from "./network/networks-whole";
import { rule as podsAndServicesApart } from "./network/pods-and-services-apart";
import { rule as poolsApart } from "./network/pools-apart";
import { rule as poolsClearOfMachines } from "./network/pools-clear-of-machines";
import { rule as poolsInsideTheNetwork } from "./network/pools-inside-the-network";
import { rule as routesWhole } from "./network/routes-whole";
import { rule as bootstrapManifestsOwnedOnce } from "./ownership/bootstrap-manifests-owned-once";
import { rule as crdsHaveOneOwner } from "./ownership/crds-have-one-owner";
import { rule as managingSideOutside } from "./ownership/managing-side-outside";
import { rule as noObjectInDefault } from "./ownership/no-object-in-default";
import { rule as oneOwner } from "./ownership/one-owner";
import { rule as providerKeepsItsCluster } from "./ownership/provider-keeps-its-cluster";
import { rule as backupDeclared } from "./safety/backup-declared";
import { rule as dataProtected } from "./safety/data-protected";
import { rule as licenceKept } from "./safety/licence-kept";
import { rule as maintenanceDeclared } from "./safety/maintenance-declared";
import { rule as packSettings } from "./safety/pack-settings";
import { rule as permissionsUsedUp } from "./safety/permissions-used-up";
import { rule as authorityPinned } from "./secrets/authority-pinned";
import { rule as certificatesVerified } from "./secrets/certificates-verified";
import { rule as clusterSecretsProtected } from "./secrets/cluster-secrets-protected";
import { rule as clusterSecretsSealed } from "./secrets/cluster-secrets-sealed";
import { rule as configHoldsNoSecret } from "./secrets/config-holds-no-secret";
import { rule as generatedPasswordStays } from "./secrets/generated-password-stays";
import { rule as keypairProtected } from "./secrets/keypair-protected";
import { rule as noPlaintextSecret } from "./secrets/no-plaintext-secret";
import { rule as secretDataSealed } from "./secrets/secret-data-sealed";
import { rule as secretStoreLimited } from "./secrets/secret-store-limited";
import { rule as chartFromASafePlace } from "./supply-chain/chart-from-a-safe-place";
import { rule as chartVersionExact } from "./supply-chain/chart-version-exact";
import { rule as imageDigestPinned } from "./supply-chain/image-digest-pinned";
import { rule as imageFitsArchitecture } from "./supply-chain/image-fits-architecture";
import { rule as imageTagFixed } from "./supply-chain/image-tag-fixed";
import { rule as installerExists } from "./supply-chain/installer-exists";
import { rule as manifestsPinned } from "./supply-chain/manifests-pinned";
import { rule as mirrorEncrypted } from "./supply-chain/mirror-encrypted";
import { rule as noAutoUpdater } from "./supply-chain/no-auto-updater";

/** Rules that the engine runs. They load fast: every preview waits for them. */
export const engineRules: readonly Rule[] = [
  apiSurvivesAMachine,
  bootstrappedOnce,
  contractFitsTalos,
  controlPlanesOdd,
  diskFoundByIdentity,
  installWipesNothing,
  kubeletCertificatesApproved,
  kubernetesFitsTalos,
  machinesMakeAQuorum,
  saidInOneForm,
  talosApiLimited,
  talosVersionKnown,
  vipIsNoEndpoint,
  volumeHasTwoKeys,
  cronjobDoesNotPileUp,
  memoryLimited,
  namespaceHasASecurityLevel,
  noAlmightyRole,
  noHostNamespace,
  noHostPath,
  noPrivilegedPod,
  oneDefaultStorageClass,
  releaseRollsBack,
  requestsSet,
  storageHasItsMounts,
  webhookFailureDecided,
  cniNotByGitops,
  ingressHasTls,
  loadBalancerInAPool,
  networksWhole,
  podsAndServicesApart,
  poolsApart,
  poolsClearOfMachines,
  poolsInsideTheNetwork,
  routesWhole,
  bootstrapManifestsOwnedOnce,
  crdsHaveOneOwner,
  managingSideOutside,
  noObjectInDefault,
  oneOwner,
  providerKeepsItsCluster,
  backupDeclared,
  dataProtected,
  licenceKept,
  maintenanceDeclared,
  packSettings,
  permissionsUsedUp,
  authorityPinned,
  certificatesVerified,
  clusterSecretsProtected,
  clusterSecretsSealed,
  configHoldsNoSecret,
  generatedPasswordStays,
  keypairProtected,
  noPlaintextSecret,
  secretDataSealed,
  secretStoreLimited,
  chartFromASafePlace,
  chartVersionExact,
  imageDigestPinned,
  imageFitsArchitecture,
  imageTagFixed,
  installerExists,
  manifestsPinned,
  mirrorEncrypted,
  noAutoUpdater,
];
