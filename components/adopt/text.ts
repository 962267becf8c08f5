import { Document, isMap, isScalar, type YAMLMap } from "yaml";
import type { SiteFile } from "../site/spec";

/** What a person should know at a place of an adopted site's file, by path. */
const COMMENTS: readonly (readonly [readonly string[], string])[] = [
  [["network"], " As the machines run it. Their addresses become static ones; see what plinth adopt said differs."],
  [
    ["talos", "configContract"],
    " The format in which plinth's configurations come closest to those that run. Leave it.",
  ],
  [["machines"], " `adopted`: made by other means, so plinth hands them no first configuration. Leave it."],
];

/** The stack file of a site: what the schema knows is completed by an editor. */
export function stackText(site: SiteFile, schema: string): string {
  const document = new Document({ config: { "plinth:site": site } });
  const at = ["config", "plinth:site"];
  for (const [path, comment] of COMMENTS) {
    const parent = document.getIn([...at, ...path.slice(0, -1)]);
    if (isMap(parent)) comments(parent, String(path.at(-1)), comment);
  }
  document.commentBefore = ` yaml-language-server: $schema=${schema}\n A cluster that ran before plinth, as plinth adopt found it. Everything here may be edited from now on.`;
  return document.toString({ lineWidth: 0 });
}

function comments(map: YAMLMap, key: string, comment: string): void {
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key);
  if (pair !== undefined && isScalar(pair.key)) pair.key.commentBefore = comment;
}
