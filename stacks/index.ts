import * as pulumi from "@pulumi/pulumi";
import { Site, type SiteFile, startPlugin } from "../components";

/** The one program of every stack: the site file is all that differs. */
async function program() {
  await startPlugin();
  const file = `stacks/Pulumi.${pulumi.getStack()}.yaml`;
  const config = new pulumi.Config("plinth");
  const declared = config.requireObject<SiteFile>("site");
  // A namespace of their own: everything in plinth's is handed to its provider as well.
  const secrets = new pulumi.Config("secrets");
  const site = new Site("site", { site: declared, file, secret: (name) => secrets.getSecret(name) });
  return {
    endpoint: site.endpoint,
    nodes: site.nodes,
    reach: site.reach,
    enrolments: site.enrolments,
    kubeconfig: site.kubeconfig,
    talosconfig: site.talosconfig,
  };
}

export = program;
