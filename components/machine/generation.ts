/**
 * Name of what belongs to one machine of a key, at the engine and at a vendor: a later one is made beside the one that
 * stood there before, which is given back when everything else of the update has succeeded.
 */
export function ofGeneration(name: string, generation = 1): string {
  return generation === 1 ? name : `${name}-g${generation}`;
}
