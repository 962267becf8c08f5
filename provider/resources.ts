/** Every resource type this provider serves. */
import type { AnyResource } from "./resource";

const all: readonly AnyResource[] = [];

export const resources: ReadonlyMap<string, AnyResource> = new Map(all.map((resource) => [resource.type, resource]));
