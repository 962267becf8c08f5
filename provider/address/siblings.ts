import { type AddressRange, formatRange, overlaps } from "../../components/address/cidr";
import { readableClaim } from "../../components/address/claim";
import type { PoolInputs } from "../../components/address/IpPool";
import type { Problem } from "../../components/problem";
import { claimIds, identityOf, readPool } from "./shape";

/** Addresses that a static pool of this run gives. */
interface Giver {
  readonly what: string;
  readonly range: AddressRange;
}

/**
 * The pools and claims that this run of the program has declared so far. Each is checked once a run, in a process that
 * lives for that run, so what is in here is what stands beside each other in one program.
 */
export class Siblings {
  private readonly claims = new Map<string, string>();
  private readonly givers = new Map<string, Giver>();

  /** What a pool has in common with one that was declared before, which no two pools may. */
  problems(urn: string, inputs: PoolInputs): Problem[] {
    return [...this.claimProblems(urn, inputs), ...this.rangeProblems(urn, inputs)];
  }

  private claimProblems(urn: string, inputs: PoolInputs): Problem[] {
    return [...claimIds(inputs)].flatMap(([owner, id]) => {
      const holder = this.claims.get(id);
      if (holder === undefined || holder === urn) {
        this.claims.set(id, urn);
        return [];
      }
      const reason = `the claim ${readableClaim(identityOf(inputs, owner))} is declared twice: ${nameOf(holder)} has it too`;
      return [{ path: `claims.${owner}`, reason, fix: "give one of them another owner or purpose" }];
    });
  }

  private rangeProblems(urn: string, inputs: PoolInputs): Problem[] {
    const [range] = readPool(inputs).shape.ranges;
    if (inputs.backend === "netbox" || !range) return [];
    const where = `${inputs.site}/${inputs.vrf ?? ""}`;
    const key = `${where} ${urn}`;
    const twin = [...this.givers].find(
      ([other, giver]) => other !== key && other.startsWith(`${where} `) && overlaps(giver.range, range),
    );
    this.givers.set(key, { what: nameOf(urn), range });
    if (!twin) return [];
    const reason = `overlaps ${formatRange(twin[1].range)} of the static pool ${twin[1].what}`;
    return [{ path: "range", reason, fix: "give each pool addresses of its own" }];
  }
}

/** Name of a resource, from its URN. */
function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}
