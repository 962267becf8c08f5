import { reaching, reachingProbe } from "../../provider/talosctl/reach";
import type { Talos } from "../../provider/talosctl/talos";

const signal = new AbortController().signal;
const reach = new Map([["10.0.3.11", "198.51.100.11"]]);

/** A Talos that answers with the node it was asked through. */
const echo = {
  version: async (node: string) => node,
  etcdRemoveMember: async (node: string, id: string) => void calls.push([node, id]),
} as unknown as Talos;
const calls: string[][] = [];

test("machines are called where they can be reached, everything else by their own address", async () => {
  const talos = reaching(echo, reach);
  expect(await talos.version("10.0.3.11", signal)).toBe("198.51.100.11");
  expect(await talos.version("10.0.3.12", signal)).toBe("10.0.3.12");
  await talos.etcdRemoveMember("10.0.3.11", "8e9e05c52164694d");
  expect(calls).toEqual([["198.51.100.11", "8e9e05c52164694d"]]);
});

test("where every machine is reached at its own address nothing stands between", () => {
  expect(reaching(echo, new Map())).toBe(echo);
});

test("a look from outside goes the same way", async () => {
  const asked: string[] = [];
  const probe = reachingProbe(async (address: string) => {
    asked.push(address);
    return "absent";
  }, reach);
  await probe("10.0.3.11");
  await probe("10.0.3.12");
  expect(asked).toEqual(["198.51.100.11", "10.0.3.12"]);
});
