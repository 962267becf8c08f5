import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { IpPool } from "../address/IpPool";
import { BootIntent } from "../boot/BootIntent";
import type { BootImage } from "../boot/intent";
import { HardwareMatch } from "../hardware/HardwareMatch";
import { ownFields } from "../kubernetes/owner";
import { asked } from "../licensing/asked";
import { countAdopted, countUse, declaredDevices } from "../licensing/count";
import { Entitlement } from "../licensing/Entitlement";
import type { LicenceKey } from "../licensing/keys";
import { Licence, type LicenceInputs } from "../licensing/Licence";
import { LicenceCheck } from "../licensing/LicenceCheck";
import type { Machines } from "../machine/contract";
import { machinesOf, TRAITS } from "../machine/providers";
import { Platform } from "../platform/Platform";
import { startPlugin } from "../plugin";
import { TalosCluster } from "../talos/TalosCluster";
import { bootArguments } from "./boot";
import { BUNDLE, checkedBundle, checkedPlan, checkedSecrets, platformSecrets, withoutTrace } from "./checked";
import { Facts } from "./Facts";
import { domainWarnings, type NodePlan, type SitePlan } from "./plan";
import type { AddressPlan } from "./pools";
import type { SiteFile } from "./spec";
import { CONFIGURED, platformNeeds, rescued, siteSteps } from "./steps";
import { talosNode } from "./talosnode";
import { Way } from "./way";

/** Inputs of {@link Site}. */
export interface SiteArgs {
  /** The site file's content. Plain: shapes the resource graph. It is checked as a whole before anything is made. */
  readonly site: SiteFile;
  /** Name of the file, for messages. @default "the site file" */
  readonly file?: string;
  /**
   * Looks a secret up that the site file names, as `(name) => new pulumi.Config("secrets").getSecret(name)`.
   * @default - there are none
   */
  readonly secret?: (name: string) => pulumi.Output<string> | undefined;
  /**
   * The vendor's keys, for a product that is sold: only licences of these are believed, and a site without one may not
   * grow. Plain. @default - a licence is asked for if the site file has one, by the keys it names
   */
  readonly vendorKeys?: readonly LicenceKey[];
}

/**
 * A whole site from one site file: the Talos cluster on its machines and what runs inside it.
 *
 * Bad input is refused with every problem at once, before the first resource is registered.
 */
export class Site extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:site:Site";

  /** What the site file means, as plain data. */
  readonly plan: SitePlan;
  /** Admin kubeconfig (secret). */
  readonly kubeconfig: pulumi.Output<string>;
  /** Talosconfig (secret). */
  readonly talosconfig: pulumi.Output<string>;
  /** URL of the Kubernetes API. */
  readonly endpoint: pulumi.Output<string>;
  /** Own address of every node, by inventory key. */
  readonly nodes: pulumi.Output<Record<string, string>>;
  /** Address every node is called at, by inventory key: its own, or the one a provider gave it on the Internet. */
  readonly reach: pulumi.Output<Record<string, string>>;
  /** Kernel argument (secret) by which a machine with `boot.enrol` fetches its configuration once, by inventory key. */
  readonly enrolments: pulumi.Output<Record<string, string | undefined>>;
  /** What covers the site; `undefined` if no licence is asked for. */
  readonly licence: Licence | undefined;
  /** The Talos cluster. */
  readonly cluster: TalosCluster;
  /** Kubernetes provider of this site, for what a program wants to run inside it. ConfigMaps change in place. */
  readonly kubernetes: k8s.Provider;
  /** What runs in the cluster beside Kubernetes, if the site file asks for anything. */
  readonly platform: Platform | undefined;

  constructor(name: string, args: SiteArgs, opts?: pulumi.ComponentResourceOptions) {
    const plan = checkedPlan(args.site, args.file);
    const passphrases = checkedSecrets(plan, args);
    const bundle = args.secret?.(BUNDLE);
    void startPlugin();
    super(
      Site.__pulumiType,
      name,
      {
        provider: plan.provider,
        network: plan.network.cidr,
        nodes: plan.nodes.length,
        talos: plan.talos.version,
        kubernetes: plan.kubernetes.version,
      },
      { ...opts, transformations: [...(opts?.transformations ?? []), ownFields] },
    );
    this.plan = plan;
    for (const warning of plan.warnings) pulumi.log.warn(warning, this);

    const given = licenceInputs(plan, args.vendorKeys);
    const way = new Way<pulumi.Input<pulumi.Resource>>(siteSteps(plan, given !== undefined));
    const after = (step: string, machine?: string) => waiting(way.before(step, machine));
    // What was covered has to outlive a destroy, or the site could not come back after one.
    this.licence = given && new Licence(`${name}-licence`, given, { parent: this, protect: true });
    if (this.licence !== undefined && given !== undefined) way.add("licence", [asked(this.licence, given.use)]);

    const pools = new Map(
      Object.entries(plan.pools).map(([key, inputs]) => [
        key,
        new IpPool(`${name}-pool-${key}`, inputs, { parent: this, ...after("addresses") }),
      ]),
    );
    for (const { key, address } of plan.nodes) {
      const pool = "claim" in address ? pools.get(address.claim.pool) : undefined;
      if (pool !== undefined) way.add("addresses", [pool], key);
    }
    const nodes = plan.nodes.map((node) => ({ node, address: resolve(node.address, pools) }));
    const host = resolve(plan.endpoint.address, pools);
    const Machines = withoutTrace(() => machinesOf(plan.provider, rescued(plan)));
    const rented =
      Machines &&
      new Machines(
        `${name}-machines`,
        { plan, machines: nodes, secrets: passphrases },
        { parent: this, ...after(TRAITS[plan.provider].ordered ? "order" : "talos") },
      );
    for (const [key, { ready }] of rented?.machines ?? []) way.add("talos", ready, key);
    if (rented !== undefined) this.warnOfDomains(nodes, rented);
    const called = plan.endpoint.name ?? rented?.endpoint ?? host;
    this.endpoint = pulumi.output(called).apply((known) => `https://${bracketed(known)}:${plan.endpoint.port}`);
    this.nodes = pulumi.all(Object.fromEntries(nodes.map(({ node, address }) => [node.key, address])));
    this.reach = pulumi.all(
      Object.fromEntries(
        nodes.map(({ node, address }) => [node.key, rented?.machines.get(node.key)?.reach ?? address]),
      ),
    );

    for (const { node, address } of nodes) {
      const { key, generation, hardware } = node;
      if (hardware === undefined) continue;
      const args = { machine: key, address, ...hardware, ...(generation !== undefined && { generation }) };
      const options = { parent: this, ...after("hardware", key) };
      way.add("hardware", [new HardwareMatch(`${name}-hardware-${key}`, args, options)], key);
    }
    const common = way.before("identity");
    this.cluster = new TalosCluster(
      name,
      {
        clusterName: plan.name,
        configContract: plan.talos.configContract,
        talosVersion: plan.talos.version,
        kubernetesVersion: plan.kubernetes.version,
        schematic: plan.talos.schematic.id,
        endpoint: this.endpoint,
        ...(bundle !== undefined && { bundle: pulumi.secret(bundle).apply(checkedBundle) }),
        nodes: Object.fromEntries(
          nodes.map(({ node, address }) => {
            const machine = rented?.machines.get(node.key);
            const around = { address, passphrases, ...(plan.endpoint.vip && { vip: host }), ...machine };
            // What the cluster waits for as a whole need not be said for each of hundreds of machines.
            const ready = way.before(CONFIGURED[node.type], node.key).filter((each) => !common.includes(each));
            return [node.key, talosNode(plan, node, { ...around, ...(ready.length > 0 && { ready }) })];
          }),
        ),
        onDestroy: plan.talos.onDestroy,
        allow: plan.talos.allow,
        ...(plan.backup !== undefined && { backup: plan.backup }),
        ...(plan.maintenance !== undefined && { maintenance: plan.maintenance }),
        ...(plan.upgrade.settings !== undefined && { upgrade: plan.upgrade.settings }),
        ...(plan.upgrade.timeouts !== undefined && { timeouts: plan.upgrade.timeouts }),
      },
      { parent: this, ...after("identity") },
    );
    way.add("bootstrap", [this.cluster.bootstrap]);
    way.add("release", [this.cluster.release]);
    const enrolments: Record<string, pulumi.Output<string | undefined>> = {};
    for (const { node, address } of nodes) {
      if (node.boot === undefined) continue;
      const { key, mac, boot, generation = 1 } = node;
      const { network: _, enrol, image, ...plain } = boot;
      const configuration = this.cluster.handedOut.get(key);
      // The cluster's first configuration waits for the machine: it need not wait for the permission as well.
      const intent = new BootIntent(
        `${name}-boot-${key}`,
        {
          ...{ machine: key, mac, generation, ...plain },
          image: withArguments(image, (own) => bootArguments(boot, own), address),
          proof: pulumi.output({ address, ca: this.cluster.talosCa }),
          ...(enrol && configuration !== undefined && { enrol, configuration }),
        },
        { parent: this, ...after("boot", key) },
      );
      if (enrol) enrolments[key] = intent.enrolment;
    }
    this.enrolments = pulumi.secret(pulumi.all(enrolments));
    this.kubeconfig = this.cluster.kubeconfig;
    this.talosconfig = this.cluster.talosconfig;

    this.kubernetes = new k8s.Provider(
      `${name}-kubernetes`,
      {
        kubeconfig: this.kubeconfig,
        // The cluster's for life: a renewed kubeconfig replaces nothing.
        clusterIdentifier: this.cluster.clusterId,
        enableServerSideApply: true,
        // What a killed update has made, and could not write down, the next one takes up again.
        upsertExistingObjects: true,
        // A changed fact is an edit of its ConfigMap, not a new one.
        enableConfigMapMutable: true,
      },
      { parent: this },
    );
    const inside = {
      parent: this,
      providers: { kubernetes: this.kubernetes },
      ...waiting(way.holding(["nodes"])),
      // Objects inside a cluster end with it: a destroy that wipes the machines need not reach a dying API first.
      ...(plan.talos.onDestroy === "reset" && { deletedWith: this.cluster.bootstrap }),
    };
    const { namespace } = new Facts(`${name}-facts`, { plan, endpoint: this.endpoint }, inside);
    if (given !== undefined && this.licence !== undefined) {
      const { secret } = new Entitlement(`${name}-entitlement`, { licence: this.licence, given, namespace }, inside);
      const check = plan.licence?.check;
      if (check !== undefined) new LicenceCheck(`${name}-licence-check`, { ...check, namespace, secret }, inside);
    }
    if (plan.platform !== undefined) {
      const secret = platformSecrets(plan, args.secret);
      this.platform = new Platform(
        `${name}-platform`,
        {
          plan: plan.platform,
          kubeconfig: this.kubeconfig,
          kubernetesVersion: plan.kubernetes.version,
          ...(secret && { secret }),
        },
        { ...inside, ...waiting(way.holding([platformNeeds(plan)])) },
      );
    }
    this.registerOutputs({ endpoint: this.endpoint, nodes: this.nodes });
  }

  /** What the plan could not know: where the provider has put the control planes. */
  private warnOfDomains(nodes: readonly { readonly node: NodePlan }[], { machines }: Machines): void {
    const planes = nodes.map(({ node }) => node).filter(({ type }) => type === "controlplane");
    if (!planes.some(({ key }) => machines.get(key)?.failureDomain !== undefined)) return;
    pulumi
      .all(planes.map(({ key, failureDomain }) => failureDomain ?? machines.get(key)?.failureDomain ?? key))
      .apply((domains) => {
        for (const warning of domainWarnings(domains)) {
          if (!this.plan.warnings.includes(warning)) pulumi.log.warn(warning, this);
        }
      });
  }
}

/** What is judged before anything else is made or changed; `undefined` if no licence is asked for. */
function licenceInputs(plan: SitePlan, vendor: SiteArgs["vendorKeys"]): LicenceInputs | undefined {
  const keys = vendor ?? plan.licence?.keys;
  if (keys === undefined) return undefined;
  const { text = "", revocations } = plan.licence ?? {};
  const adopted = countAdopted(plan);
  return {
    text: text.trim(),
    keys,
    use: countUse(plan),
    ...(adopted !== undefined && { adopted }),
    devices: declaredDevices(plan),
    ...(revocations !== undefined && { revocations: revocations.trim() }),
  };
}

function waiting(
  resources: readonly pulumi.Input<pulumi.Resource>[],
): Pick<pulumi.ComponentResourceOptions, "dependsOn"> {
  return resources.length === 0 ? {} : { dependsOn: [...resources] };
}

/** A literal is known at once; a claim when its pool has answered. */
function resolve(address: AddressPlan, pools: ReadonlyMap<string, IpPool>): pulumi.Input<string> {
  if ("literal" in address) return address.literal;
  const pool = pools.get(address.claim.pool);
  if (pool === undefined) throw new Error(`unreachable: a checked site has the pool ${address.claim.pool}`);
  return pool.address(address.claim.owner);
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** The image with what the kernel is told of the machine's network, once its address is known. */
function withArguments(
  image: BootImage,
  more: (address: string) => readonly string[],
  address: pulumi.Input<string>,
): pulumi.Input<BootImage> {
  const told = (own: string): BootImage => ({ ...image, args: [...image.args, ...more(own)] });
  return typeof address === "string" ? told(address) : pulumi.output(address).apply(told);
}
