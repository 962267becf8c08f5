import * as fc from "fast-check";
import { type ClaimIdentity, claimId, readableClaim } from "../../components/address/claim";

const text = fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" });
const identity = fc.record({ site: text, vrf: text, pool: text, owner: text, purpose: text });

describe("claim ids", () => {
  test("differ whenever any part differs", () => {
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        const same = (Object.keys(a) as (keyof ClaimIdentity)[]).every((part) => a[part] === b[part]);
        expect(claimId(a) === claimId(b)).toBe(same);
      }),
    );
  });

  test("differ wherever the same letters are split", () => {
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        const rest = { site: "s", pool: "p" };
        expect(claimId({ ...rest, owner: a + b, purpose: c })).not.toBe(claimId({ ...rest, owner: a, purpose: b + c }));
      }),
    );
    const base = { site: "s", pool: "p" };
    expect(claimId({ ...base, owner: "team", purpose: "ab" })).not.toBe(
      claimId({ ...base, owner: "teama", purpose: "b" }),
    );
    expect(claimId({ site: "s", vrf: "p", pool: "x", owner: "o" })).not.toBe(
      claimId({ site: "sp", pool: "x", owner: "o" }),
    );
  });

  test("never change between versions: they are written to NetBox", () => {
    const claim = { site: "home", pool: "nodes", owner: "cp-1" };
    expect(claimId(claim)).toBe("e43e9d190f250be0dcd0fddee404d6246ef6842f60569e2610b716197099231c");
    expect(claimId({ ...claim, purpose: "address" })).toBe(claimId(claim));
    expect(readableClaim(claim)).toBe("home/nodes/cp-1/address");
    expect(readableClaim({ ...claim, vrf: "blue", purpose: "vip" })).toBe("home[blue]/nodes/cp-1/vip");
  });
});
