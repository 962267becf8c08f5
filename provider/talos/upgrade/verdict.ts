/**
 * Whether a node that was told to boot another image runs it, and if not, which of the ways in which that goes wrong it
 * is. No single sign is enough: a changed boot id may be a return to the old slot, the right version may run without
 * its etcd member. Pure.
 */
import type { KubernetesNode } from "../../kubernetes/kubernetes";
import type { EtcdMember, EtcdStatus, TalosFailure, TalosService } from "../../talosctl/talos";
import type { Diagnosis } from "../diagnosed";
import { hostOf, NO_LEADER, WAITS_FOR_NETWORK } from "../gate";

/** One false answer: what is wrong, and what a person does about it. */
export interface Verdict {
  readonly diagnosis: Diagnosis;
  readonly what: string;
  readonly todo: string;
  /** Waiting does not change it. */
  readonly final: boolean;
}

/** What a node was before the reboot, and what it shall be after it. */
export interface Expected {
  readonly address: string;
  readonly hostname: string;
  readonly bootId: string;
  readonly from: string;
  readonly to: string;
  /** @default - not checked */
  readonly schematic?: string;
  /** Whether the image was installed by a call of its own before the reboot. */
  readonly installedApart: boolean;
  /** Id of its etcd member; on control planes only. */
  readonly member?: string;
  /** Addresses of the declared control planes. */
  readonly controlPlanes: readonly string[];
  /** A node that only waits for its network plugin is not Ready. */
  readonly strict: boolean;
  readonly services: readonly string[];
}

/** What was seen of the node; what was not asked for because something before it is wrong already is absent. */
export interface Sight {
  readonly failure?: { readonly kind: TalosFailure; readonly message: string };
  readonly bootId?: string;
  readonly talos?: string;
  readonly schematic?: string;
  readonly etcd?: { readonly members: readonly EtcdMember[]; readonly status: EtcdStatus } | { readonly error: string };
  readonly kubernetes?: readonly KubernetesNode[] | { readonly error: string };
  readonly services?: readonly TalosService[];
}

/** What is wrong, the first thing first; `undefined` when the node runs as it shall. */
export function verdict(seen: Sight, expected: Expected): Verdict | undefined {
  return (
    answers(seen) ?? booted(seen, expected) ?? etcd(seen, expected) ?? node(seen, expected) ?? services(seen, expected)
  );
}

const wrong = (diagnosis: Diagnosis, what: string, todo: string, final = false): Verdict => ({
  diagnosis,
  what,
  todo,
  final,
});

const CONSOLE = "look at its console";

function answers({ failure }: Sight): Verdict | undefined {
  if (failure === undefined) return undefined;
  const { kind, message } = failure;
  switch (kind) {
    case "maintenance":
      return wrong(
        "lost-configuration",
        "it came up in maintenance mode: its STATE partition is gone or cannot be unlocked",
        `${CONSOLE}; if the disk is lost, raise its generation (plinth renew) and it is installed anew`,
      );
    case "foreign":
      return wrong(
        "foreign-certificate",
        `another machine answers at its address, or it lost its identity: ${message}`,
        "find out who holds the address (arp, the switch) before anything else changes",
      );
    case "denied":
    case "expired":
      return wrong(
        "denied",
        `its API refuses the client certificate: ${message}`,
        "for some minutes after a boot that is normal; if it stays, check its clock and its machine.ca",
      );
    default:
      return wrong("no-answer", `it does not answer: ${message}`, `${CONSOLE}, or power it on`);
  }
}

function booted(seen: Sight, expected: Expected): Verdict | undefined {
  const { from, to } = expected;
  if (seen.bootId === expected.bootId) {
    return expected.installedApart
      ? wrong(
          "installed-not-rebooted",
          `Talos ${to} lies in its other slot, but it has not rebooted since it was told to`,
          `reboot it (talosctl reboot, or by its power button), then run again`,
        )
      : wrong(
          "never-rebooted",
          `it took the upgrade to ${to} and has not rebooted`,
          `read why (talosctl dmesg, talosctl logs machined), then run again`,
        );
  }
  const old = seen.talos === from && (from !== to || differs(seen.schematic, expected.schematic));
  if (old && seen.talos !== undefined) {
    return wrong(
      "reverted",
      `it booted and came back with Talos ${from} from its old slot: the new image did not come up`,
      `read why on its console or in talosctl dmesg; a run after that tries again`,
      true,
    );
  }
  if (seen.talos !== to) {
    const todo = `install ${to} on it by hand (talosctl upgrade), or find out who else changes it`;
    return wrong("wrong-image", `it runs Talos ${seen.talos ?? "?"}, neither ${from} nor ${to}`, todo, true);
  }
  if (differs(seen.schematic, expected.schematic)) {
    return wrong(
      "wrong-schematic",
      `it runs Talos ${to} made from schematic ${seen.schematic}, not ${expected.schematic}`,
      "check that the Image Factory knows the schematic, and that no mirror serves another image under its name",
      true,
    );
  }
  return undefined;
}

function differs(seen: string | undefined, wanted: string | undefined): boolean {
  return seen !== undefined && wanted !== undefined && seen !== wanted;
}

function etcd({ etcd: seen }: Sight, expected: Expected): Verdict | undefined {
  if (expected.member === undefined || seen === undefined) return undefined;
  const restart = "read talosctl logs etcd; if its data is damaged, remove the member and let the node join anew";
  if ("error" in seen) return wrong("etcd-down", `its etcd member is not up: ${seen.error}`, restart);
  const own = seen.members.find(({ peerUrls }) => peerUrls.map(hostOf).includes(expected.address));
  if (own === undefined) return wrong("etcd-down", "it is no member of etcd any more", restart);
  if (own.id !== expected.member) {
    return wrong(
      "member-replaced",
      `its etcd member is ${own.id} and was ${expected.member}: it joined anew, its data was lost`,
      "compare etcd's members with the declared control planes before the next node changes",
      true,
    );
  }
  const ghost = seen.members.find(
    ({ peerUrls }) => !peerUrls.map(hostOf).some((at) => expected.controlPlanes.includes(at)),
  );
  if (ghost !== undefined) {
    return wrong(
      "ghost-member",
      `etcd lists ${ghost.hostname || ghost.id}, which is no declared control plane`,
      `remove it: talosctl etcd remove-member ${ghost.id}`,
    );
  }
  if (seen.status.errors.length > 0) return wrong("etcd-down", seen.status.errors.join(", "), restart);
  if (NO_LEADER.test(seen.status.leader)) return wrong("etcd-down", "its etcd member sees no leader", restart);
  if (own.learner) return wrong("etcd-down", "its etcd member is still learning", restart);
  return undefined;
}

function node({ kubernetes: seen }: Sight, expected: Expected): Verdict | undefined {
  if (seen === undefined) return undefined;
  if ("error" in seen) {
    const todo = "check the control planes' kube-apiserver (talosctl containers -k)";
    return wrong("api-down", `the Kubernetes API does not answer: ${seen.error}`, todo);
  }
  const { hostname, address } = expected;
  const same = seen.filter(({ addresses }) => addresses.includes(address)).map(({ name }) => name);
  if (same.length > 1) {
    const others = same.filter((name) => name !== hostname).join(", ");
    return wrong("ghost-node", `the Node ${others} claims its address too`, `remove it: kubectl delete node ${others}`);
  }
  const found = seen.find(({ name }) => name === hostname);
  if (found === undefined) {
    return wrong("not-registered", `there is no Node ${hostname}`, "read talosctl logs kubelet");
  }
  if (found.bootId !== "" && found.bootId === expected.bootId) {
    return wrong("old-report", "its kubelet has not reported since the reboot", "read talosctl logs kubelet");
  }
  if (found.ready || (!expected.strict && WAITS_FOR_NETWORK.test(found.reason))) return undefined;
  return wrong("not-ready", `Node ${hostname} is not Ready: ${found.reason}`, "read talosctl logs kubelet");
}

function services({ services: seen }: Sight, expected: Expected): Verdict | undefined {
  for (const id of seen === undefined ? [] : expected.services) {
    const found = seen?.find((service) => service.id === id);
    if (found?.state === "Running" && found.healthy !== false) continue;
    const state = found === undefined ? "absent" : found.state === "Running" ? "unhealthy" : found.state;
    return wrong("service-down", `its service ${id} is ${state}`, `read talosctl logs ${id}`);
  }
  return undefined;
}
