import { RELEASE } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "backup-declared",
  area: "safety",
  kind: "resource",
  sentence: "A cluster must have a place for snapshots of etcd, and two people who can open them.",
  severity: "high",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "No version changes without a snapshot, and one lost key is the loss of them all.",
  fix: "Declare backup with a store outside of the cluster and at least two recipients.",
  types: [RELEASE],
  check({ props }) {
    const backup = props.backup;
    if (backup === undefined) return [{ path: "backup", reason: "there is none" }];
    const recipients: readonly string[] = backup.recipients ?? [];
    if (backup.passphrase === true || recipients.length >= 2) return [];
    return [{ path: "backup.recipients", reason: `${recipients.length} can open them` }];
  },
};
