import { levels, type ResourceRule } from "../../rule";

const ROLES = ["kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "kubernetes:rbac.authorization.k8s.io/v1:Role"];
const BINDING = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding";

export const rule: ResourceRule = {
  name: "no-almighty-role",
  area: "kubernetes",
  kind: "resource",
  sentence: "No role may allow everything, and nobody unknown may be an administrator.",
  severity: "high",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "A role with stars includes what is added to the cluster later, secrets of other services among it.",
  fix: "List the verbs and resources that are used; kubectl auth can-i --list shows what there is.",
  types: [...ROLES, BINDING],
  check({ type, props }) {
    if (type === BINDING) {
      const strangers = ((props.subjects ?? []) as { readonly name: string }[])
        .map(({ name }) => name)
        .filter((name) =>
          ["system:anonymous", "system:unauthenticated", "system:authenticated", "default"].includes(name),
        );
      return props.roleRef?.name === "cluster-admin"
        ? strangers.map((name) => ({ path: "subjects", reason: `${name} becomes cluster-admin` }))
        : [];
    }
    return (
      (props.rules ?? []) as { readonly verbs?: readonly string[]; readonly resources?: readonly string[] }[]
    ).flatMap(({ verbs = [], resources = [] }, place) =>
      verbs.includes("*") && resources.includes("*")
        ? [{ path: `rules[${place}]`, reason: "it allows everything" }]
        : [],
    );
  },
};
