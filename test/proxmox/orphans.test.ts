import { type OrphanWork, report } from "../../cli/commands/orphans";
import { ProblemError } from "../../components/problem";
import { orphanedVolumes, type StoredVolume } from "../../components/storage/orphans";
import type { Call } from "../../provider/kubernetes/rest";

const NOW = 1_800_000_000;
const OLD = NOW - 86_400;
const volume = (name: string, more: Partial<StoredVolume> = {}): StoredVolume => ({
  node: "pve-1",
  storage: "local-zfs",
  volume: `local-zfs:${name}`,
  bytes: 2 ** 30,
  created: OLD,
  ...more,
});

describe("orphans", () => {
  test("are the driver's own volumes that no PersistentVolume names, the largest first", () => {
    const stored = [
      volume("vm-9999-pvc-claimed"),
      volume("vm-9999-pvc-small"),
      volume("vm-9999-pvc-large", { bytes: 9 * 2 ** 30 }),
      volume("vm-104-disk-0"),
      volume("vm-9999-pvc-young", { created: NOW - 60 }),
    ];
    const found = orphanedVolumes(stored, ["home/pve-2/local-zfs/vm-9999-pvc-claimed"], NOW);
    expect(found.map((each) => each.volume)).toEqual(["local-zfs:vm-9999-pvc-large", "local-zfs:vm-9999-pvc-small"]);
  });

  test("the same name on another storage is another volume", () => {
    const stored = [volume("vm-9999-pvc-a", { storage: "tank", volume: "tank:9999/vm-9999-pvc-a.raw" })];
    expect(orphanedVolumes(stored, ["home/pve-1/local-zfs/vm-9999-pvc-a"], NOW)).toHaveLength(1);
    expect(orphanedVolumes(stored, ["home/pve-1/tank/9999/vm-9999-pvc-a.raw"], NOW)).toEqual([]);
  });
});

describe("plinth orphans", () => {
  /** A Proxmox cluster of two nodes that share one storage, with a third that is off. */
  function proxmox() {
    const shared = [
      { volid: "tank:vm-9999-pvc-lost", size: 3 * 2 ** 30, ctime: OLD },
      { volid: "tank:vm-9999-pvc-used", size: 2 ** 30, ctime: OLD },
    ];
    const removed: string[] = [];
    const said: string[] = [];
    const acts: string[] = [];
    const answers = (path: string): unknown => {
      if (path === "/api2/json/nodes") {
        return ["pve-1", "pve-2", "pve-3"].map((node) => ({ node, status: node === "pve-3" ? "offline" : "online" }));
      }
      if (path.endsWith("/storage")) return [{ storage: "tank", active: 1 }, { storage: "local" }];
      if (path.endsWith("/tank/content")) return shared;
      throw new Error(`nobody answers ${path}`);
    };
    const pv = (handle: string, driver = "csi.proxmox.sinextra.dev") => ({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: handle },
      spec: { csi: { driver, volumeHandle: handle } },
    });
    const work: OrphanWork = {
      rest: {
        async send({ method, path }: Call) {
          if (method === "DELETE") removed.push(decodeURIComponent(path));
          return { data: method === "DELETE" ? null : answers(path) };
        },
      },
      objects: { list: async () => [pv("home/pve-1/tank/vm-9999-pvc-used"), pv("a/b/tank/vm-9999-pvc-lost", "other")] },
      storages: ["tank"],
      now: NOW,
      say: (line) => said.push(line),
      audit: async ({ act, target }) => {
        acts.push(`${act} ${target}`);
      },
    };
    return { work, removed, said, acts };
  }

  test("shows each once, with what could not be asked, and removes nothing by itself", async () => {
    const { work, said, removed } = proxmox();
    await report(work, []);
    expect(said).toEqual([
      "tank:vm-9999-pvc-lost  on pve-1  3.0 GiB  since 2027-01-14",
      "1 without a PersistentVolume here; another cluster on the same storage may own them.",
      "pve-3 is offline and was not asked.",
    ]);
    expect(removed).toEqual([]);
  });

  test("removes what is named, and writes it down first", async () => {
    const { work, removed, acts } = proxmox();
    await report(work, ["tank:vm-9999-pvc-lost"]);
    expect(removed).toEqual(["/api2/json/nodes/pve-1/storage/tank/content/tank:vm-9999-pvc-lost"]);
    expect(acts).toEqual(["destroy tank:vm-9999-pvc-lost"]);
  });

  test("a name that is no orphan removes nothing at all", async () => {
    const { work, removed } = proxmox();
    await expect(report(work, ["tank:vm-9999-pvc-lost", "tank:vm-9999-pvc-used"])).rejects.toThrow(ProblemError);
    expect(removed).toEqual([]);
  });
});
