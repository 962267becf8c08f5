import fc from "fast-check";
import { type Action, advance, type BootEvent, confirmWipe, decide, endBy, grant } from "../../components/boot/intent";
import { ASK, permission } from "./support";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);

/** An answer a machine got; it may come back to it from a cache, a proxy or somebody who means harm. */
type Answer = "disk" | "install" | "rescue" | { readonly confirm: number };

type Step =
  | { readonly do: "grant"; readonly action: Action }
  | { readonly do: "replay-grant"; readonly which: number }
  | { readonly do: "boot"; readonly losesPower: boolean }
  | { readonly do: "replay-answer"; readonly which: number }
  | { readonly do: "configure" | "crash" | "lose-records" | "prove" | "reissue" | "revoke" }
  | { readonly do: "jump"; readonly hours: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("grant" as const), action: fc.constantFrom<Action[]>("install", "rescue", "wipe") }),
  fc.record({ do: fc.constant("replay-grant" as const), which: fc.nat(20) }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant("boot" as const), losesPower: fc.boolean() }) },
  fc.record({ do: fc.constant("replay-answer" as const), which: fc.nat(50) }),
  { weight: 3, arbitrary: fc.constant({ do: "configure" as const }) },
  fc.constantFrom(...(["crash", "lose-records", "prove", "reissue", "revoke"] as const).map((act) => ({ do: act }))),
  fc.record({ do: fc.constant("jump" as const), hours: fc.integer({ min: -40, max: 40 }) }),
);

/** One machine that boots from the network first, its boot server, and everything that can go wrong between them. */
class Rack {
  now = START;
  /** What survives a crash of the server. */
  journal: BootEvent[] = [];
  session = 1;
  nonces = new Map<number, true>();
  nextNonce = 1;
  generation = 0;
  signed: { readonly permission: ReturnType<typeof permission>; readonly session: number }[] = [];
  answers: Answer[] = [];
  installed = false;
  /** Waits in maintenance mode for its configuration. */
  waiting = false;
  destroyed = 0;
  wipesAsked = 0;
  /** How often it was handed an installer although it was installed: it halts on its system, and needs a power cycle. */
  halts = 0;

  get record() {
    return this.journal.reduce(advance, undefined);
  }

  run(step: Step): void {
    switch (step.do) {
      case "grant": {
        this.generation += 1;
        if (step.action === "wipe") this.wipesAsked += 1;
        const { action } = step;
        const times = { issued: this.now, expires: this.now + HOUR };
        this.signed.push({
          permission: permission({ action, generation: this.generation, ...times }),
          session: this.session,
        });
        this.accept(this.signed.length - 1);
        break;
      }
      case "replay-grant":
        this.accept(step.which % Math.max(1, this.signed.length));
        break;
      case "boot":
        this.waiting = false;
        this.act(this.ask(), step.losesPower);
        break;
      case "replay-answer":
        this.waiting = false;
        this.act(this.answers[step.which % Math.max(1, this.answers.length)] ?? "disk", false);
        break;
      case "configure":
        // An operator pushes a configuration to whatever waits for one.
        if (this.waiting) this.installed = true;
        this.waiting = false;
        break;
      case "reissue": {
        // plinth remembers what was accepted; a server that knows nothing of it has lost its records.
        const last = this.signed.at(-1);
        if (this.record !== undefined || last?.permission.action !== "install") break;
        const times = { issued: this.now, expires: this.now + HOUR };
        this.signed.push({ permission: { ...last.permission, ...times, reissued: true }, session: this.session });
        this.accept(this.signed.length - 1);
        break;
      }
      case "crash":
        this.restart();
        break;
      case "lose-records":
        this.journal = [];
        this.restart();
        break;
      case "prove":
      case "revoke":
        if (step.do === "prove" && !this.installed) break;
        this.record_(endBy(this.record, step.do === "prove" ? "proof" : "revoked"));
        break;
      case "jump":
        this.now += step.hours * HOUR;
    }
  }

  private restart(): void {
    this.session += 1;
    this.nonces.clear();
  }

  private accept(index: number): void {
    const token = this.signed[index];
    // The signature names the session.
    if (token === undefined || token.session !== this.session) return;
    this.record_(grant(this.record, token.permission, this.now).event);
  }

  private ask(): Answer {
    const decision = decide(this.record, ASK, this.now);
    if (decision.boot === "confirm-wipe") {
      this.nonces.set(this.nextNonce, true);
      return this.answered({ confirm: this.nextNonce++ });
    }
    this.record_(decision.event);
    return this.answered(decision.boot);
  }

  private act(answer: Answer, losesPower: boolean): void {
    if (losesPower || answer === "disk" || answer === "rescue") return;
    if (answer === "install") {
      // It carries talos.halt_if_installed.
      this.waiting = !this.installed;
      if (this.installed) this.halts += 1;
      return;
    }
    if (!this.nonces.delete(answer.confirm)) return;
    const wipe = confirmWipe(this.record, this.now);
    this.record_(wipe?.event);
    if (wipe === undefined) return;
    if (this.installed) this.destroyed += 1;
    this.installed = false;
  }

  private answered(answer: Answer): Answer {
    this.answers.push(answer);
    return answer;
  }

  private record_(event: BootEvent | undefined): void {
    if (event !== undefined) this.journal.push(event);
  }
}

test("no sequence of boots, replays, crashes and clock jumps destroys an installed system without a wipe", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rack = new Rack();
      for (const each of steps) {
        const before = { destroyed: rack.destroyed, asked: rack.wipesAsked };
        rack.run(each);
        expect(rack.destroyed).toBeLessThanOrEqual(rack.wipesAsked);
        if (rack.wipesAsked === 0) expect(rack.destroyed).toBe(0);
        // Only a boot destroys, never an old answer, a crash or a clock.
        if (rack.destroyed > before.destroyed) expect(["boot", "replay-answer"]).toContain(each.do);
      }
    }),
    { numRuns: 3000 },
  );
});

test("a wipe works once: no replay, crash or loss of the records repeats it", () => {
  fc.assert(
    fc.property(
      fc.array(
        step.filter((each) => each.do !== "grant"),
        { maxLength: 60 },
      ),
      fc.nat(3),
      (steps, lost) => {
        const rack = new Rack();
        rack.installed = true;
        rack.run({ do: "grant", action: "wipe" });
        // Questions that were never confirmed stay open.
        for (let boot = 0; boot < lost; boot++) rack.run({ do: "boot", losesPower: true });
        rack.run({ do: "boot", losesPower: false });
        expect([rack.destroyed, rack.installed]).toEqual([1, false]);
        rack.installed = true;
        for (const each of steps) rack.run(each);
        expect(rack.destroyed).toBe(1);
      },
    ),
    { numRuns: 2000 },
  );
});

test("a machine that boots from the network first is installed in the end, wherever it loses power", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("lost", "crash"), { maxLength: 6 }), (troubles) => {
      const rack = new Rack();
      rack.run({ do: "grant", action: "install" });
      for (const trouble of troubles)
        rack.run(trouble === "crash" ? { do: "crash" } : { do: "boot", losesPower: true });
      for (let boot = 0; boot < 2 && !rack.installed; boot++) {
        rack.run({ do: "boot", losesPower: false });
        rack.run({ do: "configure" });
      }
      expect(rack.installed).toBe(true);
      // It reboots at once, long before anybody could report: one of two boots finds the disk.
      const next = [0, 1].map(() => {
        rack.run({ do: "boot", losesPower: false });
        return rack.answers.at(-1);
      });
      expect(next).toContain("disk");
      rack.run({ do: "prove" });
      for (let boot = 0; boot < 5; boot++) {
        rack.run({ do: "boot", losesPower: false });
        expect(rack.answers.at(-1)).toBe("disk");
      }
    }),
  );
});

describe("records are lost, and the permission is issued again", () => {
  const lost: fc.Arbitrary<readonly Step["do"][]> = fc.array(
    fc.constantFrom("boot", "crash", "lose-records", "reissue", "jump"),
    { maxLength: 40 },
  );
  const stepOf = (what: Step["do"]): Step =>
    what === "boot"
      ? { do: what, losesPower: false }
      : what === "jump"
        ? { do: what, hours: 1 }
        : ({ do: what } as Step);

  /** A machine that was installed, and a boot server that has lost its records since. */
  const forgotten = (): Rack => {
    const rack = new Rack();
    rack.run({ do: "grant", action: "install" });
    rack.run({ do: "boot", losesPower: false });
    rack.run({ do: "configure" });
    rack.run({ do: "lose-records" });
    return rack;
  };

  test("an installed machine that shows itself once it runs never sees an installer again", () => {
    fc.assert(
      fc.property(lost, (steps) => {
        const rack = forgotten();
        for (const each of steps) {
          rack.run(stepOf(each));
          if (each === "boot") rack.run({ do: "prove" });
        }
        expect([rack.installed, rack.halts, rack.destroyed]).toEqual([true, 0, 0]);
      }),
      { numRuns: 1000 },
    );
  });

  test("one that nobody can see halts at every second boot at most, and keeps its system", () => {
    fc.assert(
      fc.property(lost, (steps) => {
        const rack = forgotten();
        for (const each of steps) rack.run(stepOf(each));
        expect([rack.installed, rack.destroyed]).toEqual([true, 0]);
        const boots = steps.filter((each) => each === "boot").length;
        expect(rack.halts).toBeLessThanOrEqual(boots / 2);
      }),
      { numRuns: 1000 },
    );
  });

  test("an empty machine is installed all the same, at its second boot", () => {
    const rack = new Rack();
    rack.run({ do: "grant", action: "install" });
    for (const what of ["lose-records", "reissue", "boot"] as const) rack.run(stepOf(what));
    expect(rack.answers).toEqual(["disk"]);
    for (const what of ["boot", "configure"] as const) rack.run(stepOf(what));
    expect([rack.answers.at(-1), rack.installed]).toEqual(["install", true]);
  });
});

describe("a machine boots from its disk when", () => {
  const granted = (over: Parameters<typeof permission>[0] = {}) =>
    advance(undefined, { kind: "granted", permission: permission({ issued: START, expires: START + HOUR, ...over }) });
  test.each([
    ["nothing is known of it", undefined, ASK, START, "unknown"],
    ["another machine has its MAC address", granted(), { ...ASK, uuid: "0".repeat(36) }, START, "other-uuid"],
    ["its architecture is another", granted(), { ...ASK, arch: "arm64" as const }, START, "other-arch"],
    ["the permission has expired", granted(), ASK, START + HOUR, "expired"],
    ["the server's clock is behind", granted(), ASK, START - HOUR, "clock-behind"],
  ])("%s", (_, record, ask, now, because) => {
    expect(decide(record, ask, now)).toMatchObject({ boot: "disk", because });
  });

  test("its permission was seen expired, even if the clock goes back", () => {
    const record = granted();
    const { event } = decide(record, ASK, START + HOUR) as { event: BootEvent };
    expect(decide(advance(record, event), ASK, START)).toMatchObject({ boot: "disk", because: "ended-expired" });
  });
});

describe("a permission is refused that", () => {
  const known = advance(undefined, {
    kind: "granted",
    permission: permission({ issued: START, expires: START + HOUR }),
  });
  test.each([
    ["repeats an earlier generation", { generation: 1, action: "wipe" as const }, "generation", /not above 1/],
    ["has expired", { generation: 2, issued: START - 2 * HOUR, expires: START - HOUR }, "expires", /expired/],
    ["comes from the future", { generation: 2, issued: START + HOUR, expires: START + 2 * HOUR }, "issued", /clocks/],
    ["wipes for a day", { generation: 2, action: "wipe" as const, expires: START + 24 * HOUR }, "expires", /1 h/],
  ])("%s", (_, over, path, text) => {
    const { problems, event } = grant(known, permission({ issued: START, expires: START + HOUR, ...over }), START);
    expect(event).toBeUndefined();
    expect(problems).toEqual([expect.objectContaining({ path })]);
    expect(JSON.stringify(problems)).toMatch(text);
  });

  test("is the same again, which changes nothing", () => {
    expect(grant(known, permission({ issued: START + 1, expires: START + HOUR }), START)).toEqual({ problems: [] });
  });
});
