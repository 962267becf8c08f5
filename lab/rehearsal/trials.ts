/** What each fault of the lab does to an upgrade. */
export interface Trial {
  readonly fault: string;
  readonly machine: string;
  /** For faults that last. */
  readonly seconds?: number;
  /** How the upgrade ends: with success, or with a halt that says this. */
  readonly ends: "success" | RegExp;
  /** What a person does before the next update, beside mending the machine. @default - nothing */
  readonly remedy?: "renew";
}

const PLANE = "cp-2";
const WORKER = "worker-1";

/** How every fault ends, on a control plane and on a worker where it makes a difference. */
export const TRIALS: readonly Trial[] = [
  { fault: "boot-failure", machine: PLANE, ends: /cp-2: reverted: .*old slot/ },
  { fault: "boot-failure", machine: WORKER, ends: /worker-1: reverted: .*old slot/ },
  { fault: "no-reboot", machine: PLANE, ends: /cp-2: installed-not-rebooted: / },
  { fault: "no-reboot", machine: WORKER, ends: /worker-1: installed-not-rebooted: / },
  { fault: "api-denied", machine: PLANE, seconds: 20, ends: "success" },
  { fault: "denied-after-install", machine: PLANE, seconds: 20, ends: "success" },
  { fault: "ghost-member", machine: PLANE, ends: /is a member but no declared control plane/ },
  { fault: "stale-member", machine: PLANE, ends: "success" },
  { fault: "duplicate-address", machine: PLANE, ends: /has the address of .* too .*kubectl delete node/ },
  { fault: "disk-full", machine: PLANE, ends: /cp-2.*no space left on device|NOSPACE/ },
  { fault: "disk-full", machine: WORKER, ends: /worker-1.*no space left on device/ },
  { fault: "clock-skew", machine: WORKER, seconds: 120, ends: "success" },
  { fault: "off", machine: PLANE, ends: /cp-2/ },
  { fault: "off", machine: WORKER, ends: /worker-1/ },
  // It strikes while an empty disk is written: an upgrade writes beside a system that runs.
  { fault: "install-cut", machine: WORKER, ends: "success" },
  { fault: "hang", machine: PLANE, ends: /cp-2/ },
  { fault: "refuse", machine: WORKER, ends: /worker-1/ },
  {
    fault: "wiped",
    machine: WORKER,
    ends: /worker-1 waits in maintenance mode although it ran before/,
    remedy: "renew",
  },
  { fault: "wiped", machine: PLANE, ends: /cp-2 waits in maintenance mode although it ran before/, remedy: "renew" },
];
