import * as pulumi from "@pulumi/pulumi";
import { version } from "../package.json";

/** Options every resource of plinth's own provider carries: the plugin of exactly this package's version. */
export function pluginOptions(opts: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions({ version }, opts);
}
