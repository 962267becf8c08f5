import type { Values } from "../../kubernetes/values";
import type { Problem } from "../../problem";
import { list, record } from "../../site/rules/draft";

/** A folder that the values of a part's chart name, at its path below them. */
type Named = { readonly at: string; readonly folder: unknown };

/** Which values of a part name folders of the machine. */
const NAMED = {
  "local-path": ({ nodePathMap }: Values): Named[] =>
    list(nodePathMap).flatMap((entry, index) =>
      list(record(entry).paths).map((folder, place) => ({ at: `nodePathMap[${index}].paths[${place}]`, folder })),
    ),
  longhorn: (values: Values) => [named(values, "defaultSettings", "defaultDataPath")],
  openebs: (values: Values) => [named(values, "localpv", "basePath"), named(values, "hostpathClass", "basePath")],
} as const;

type Part = keyof typeof NAMED;

function named(values: Values, section: string, key: string): Named {
  return { at: `${section}.${key}`, folder: record(values[section])[key] };
}

/**
 * Folders that no machine of the site has where its kubelet sees it: volumes in them are bound, and no pod finds them.
 * The only ones that a site's machines have are those that plinth makes.
 */
export function folderProblems(
  section: { readonly [part in Part]?: { readonly values: Values } | undefined },
): Problem[] {
  return (Object.keys(NAMED) as Part[]).flatMap((part) => {
    const own = `/var/mnt/${part}`;
    return NAMED[part](section[part]?.values ?? {})
      .filter(({ folder }) => typeof folder === "string" && folder !== own && !folder.startsWith(`${own}/`))
      .map(({ at, folder }) => ({
        path: `platform.${part}.values.${at}`,
        reason: `${folder} is a folder that the kubelets of this site's machines do not see`,
        fix: `leave it out, or use ${own} or a folder in it`,
      }));
  });
}
