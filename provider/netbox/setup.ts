import type { Problem } from "../../components/problem";
import type { NetBox } from "./client";
import { NetBoxError } from "./errors";
import { type CustomFieldRecord, customFieldSchema, tagSchema } from "./types";

/** Custom field that holds the claim's id: the key by which an address is found again, whatever happened. */
export const claimField = "plinth_claim";
/** Custom field that holds the stack that made the record: no other stack changes or deletes it. */
export const stackField = "plinth_stack";
/** Tag of every record plinth keeps. */
export const managedTag = "managed-by-plinth";

/** Tag of every record of a site. */
export function siteTag(site: string): string {
  return `plinth-site-${site}`;
}

const objectType = "ipam.ipaddress";

/** The custom fields plinth needs, as they are made. */
const wantedFields = [
  {
    name: claimField,
    type: "text",
    object_types: [objectType],
    unique: true,
    filter_logic: "exact",
    label: "Plinth claim",
    description: "Identity of the claim this address was given to. Do not edit.",
    ui_editable: "no",
  },
  {
    name: stackField,
    type: "text",
    object_types: [objectType],
    unique: false,
    filter_logic: "exact",
    label: "Plinth stack",
    description: "Stack that keeps this record. Do not edit.",
    ui_editable: "no",
  },
] as const;

type WantedField = (typeof wantedFields)[number];

const fix = "run `plinth address init-netbox` with a token that may change custom fields and tags";

/** What is missing or wrong in NetBox before any address can be claimed. */
export async function setupProblems(netbox: NetBox, site: string): Promise<Problem[]> {
  const [fields, tags] = await Promise.all([ownFields(netbox), missingTags(netbox, site)]);
  const problems = wantedFields.flatMap((wanted) => fieldProblem(wanted, fields.get(wanted.name)) ?? []);
  for (const slug of tags)
    problems.push({ path: "netbox.tags", reason: `NetBox has no tag ${slug}`, fix: `${fix} (--site ${site})` });
  return problems;
}

function fieldProblem(wanted: WantedField, field: CustomFieldRecord | undefined): Problem | undefined {
  const path = `netbox.customFields.${wanted.name}`;
  if (!field) return { path, reason: `NetBox has no custom field ${wanted.name}`, fix };
  const wrong = [
    ...(field.type === wanted.type ? [] : [`is of type ${field.type} instead of ${wanted.type}`]),
    ...(field.object_types.includes(objectType) ? [] : ["does not apply to IP addresses"]),
    ...(wanted.unique && !field.unique ? ["is not unique: one claim could get two addresses"] : []),
    ...(field.filter_logic === wanted.filter_logic
      ? []
      : [`has ${field.filter_logic} filter logic instead of exact: looking up one claim would find others`]),
  ];
  return wrong.length === 0
    ? undefined
    : { path, reason: `the custom field ${wanted.name} ${wrong.join(" and ")}`, fix };
}

async function ownFields(netbox: NetBox): Promise<Map<string, CustomFieldRecord>> {
  const names = wantedFields.map(({ name }) => name);
  const found = await netbox.list("extras/custom-fields", { name: names }, customFieldSchema);
  return new Map(found.map((field) => [field.name, field]));
}

async function missingTags(netbox: NetBox, site: string): Promise<string[]> {
  const wanted = [managedTag, siteTag(site)];
  const found = await netbox.list("extras/tags", { slug: wanted }, tagSchema);
  return wanted.filter((slug) => found.every((tag) => tag.slug !== slug));
}

/**
 * Makes the custom fields and tags, or mends those there are. Says what it did, one sentence each.
 *
 * A field of the right name but another type is refused: it holds someone else's data.
 */
export async function initNetBox(netbox: NetBox, sites: readonly string[]): Promise<string[]> {
  const done: string[] = [];
  const fields = await ownFields(netbox);
  for (const wanted of wantedFields) {
    const field = fields.get(wanted.name);
    if (field && field.type !== wanted.type) {
      throw new NetBoxError(
        "invalid",
        `the custom field ${wanted.name} exists with type ${field.type}; rename it first`,
      );
    }
    if (!field) {
      await netbox.post("extras/custom-fields", wanted, customFieldSchema);
      done.push(`made the custom field ${wanted.name}`);
    } else if (fieldProblem(wanted, field)) {
      const object_types = [...new Set([...field.object_types, objectType])];
      const { unique, filter_logic } = wanted;
      await netbox.patch(`extras/custom-fields/${field.id}`, { unique, filter_logic, object_types }, customFieldSchema);
      done.push(`mended the custom field ${wanted.name}`);
    }
  }
  for (const slug of [managedTag, ...sites.map(siteTag)]) {
    const found = await netbox.list("extras/tags", { slug }, tagSchema);
    if (found.some((tag) => tag.slug === slug)) continue;
    await netbox.post("extras/tags", { name: slug, slug }, tagSchema);
    done.push(`made the tag ${slug}`);
  }
  return done;
}
