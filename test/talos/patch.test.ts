import { roughlyPatched } from "../../components/talos/config/patch";
import { parseDocuments } from "../../components/talos/config/yaml";

const BASE = `
machine: { type: worker, sysctls: { "vm.a": "1" }, pods: [{ a: 1 }] }
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: one
`;

describe("roughlyPatched", () => {
  const patched = (...patches: string[]) => roughlyPatched(parseDocuments(BASE), patches);

  test("merges maps, appends lists, finds documents by kind and name, adds the rest", () => {
    const [machine, hostname, link] = patched(
      'machine: { sysctls: { "vm.b": "2" }, pods: [{ b: 2 }] }',
      "kind: HostnameConfig\nhostname: two\n---\nkind: LinkConfig\nname: net0\nmtu: 1500",
    );
    expect(machine).toEqual({
      machine: { type: "worker", sysctls: { "vm.a": "1", "vm.b": "2" }, pods: [{ a: 1 }, { b: 2 }] },
    });
    expect(hostname).toMatchObject({ hostname: "two" });
    expect(link).toEqual({ kind: "LinkConfig", name: "net0", mtu: 1500 });
  });

  test("takes away what a patch deletes", () => {
    expect(patched("kind: HostnameConfig\n$patch: delete", "machine: { sysctls: { $patch: delete } }")).toEqual([
      { machine: { type: "worker", sysctls: undefined, pods: [{ a: 1 }] } },
    ]);
  });

  test("follows JSON patches, in JSON and in YAML, into lists as far as that they change", () => {
    const add =
      '[{"op":"add","path":"/machine/sysctls/net.ipv4~1x","value":"1"},{"op":"remove","path":"/machine/type"}]';
    expect(patched(add)[0]).toEqual({
      machine: { type: undefined, sysctls: { "vm.a": "1", "net.ipv4/x": "1" }, pods: [{ a: 1 }] },
    });
    const [machine] = patched("# one more\n- op: add\n  path: /machine/pods/-\n  value: {b: 2}\n");
    expect((machine as { machine: { pods: unknown[] } }).machine.pods).toHaveLength(2);
  });

  test("does not change what it was given, and names no value of a patch that it cannot read", () => {
    const documents = parseDocuments(BASE);
    const before = JSON.stringify(documents);
    roughlyPatched(documents, ['machine: { sysctls: { "vm.a": "9" } }']);
    expect(JSON.stringify(documents)).toBe(before);
    expect(() => patched("machine: {token: s3cr3t")).toThrow(/cannot be read(?![\s\S]*s3cr3t)/);
  });
});
