/** From what the site file says to a store that can be used, or every reason why not. */
import type { Backup } from "../../components/backup/spec";
import type { Problem } from "../../components/problem";
import type { ProviderConfig } from "../host/config";
import { folderStore } from "./folder";
import { type S3Credentials, s3Store } from "./s3";
import type { Store } from "./store";

/** The store; with problems, one that every call of fails. */
export function openStore(
  { store }: Backup,
  config: ProviderConfig,
  env: NodeJS.ProcessEnv = process.env,
): { readonly store: Store; readonly problems: readonly Problem[] } {
  if ("path" in store) return { store: folderStore(store.path), problems: [] };
  const credentials = config.s3 ?? fromEnvironment(env);
  if (credentials !== undefined) return { store: s3Store(store.s3, credentials), problems: [] };
  const missing = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].filter((name) => !env[name]);
  return {
    store: s3Store(store.s3, { accessKeyId: "", secretAccessKey: "" }),
    problems: [
      {
        path: "backup.store.s3",
        reason: `there are no credentials for the bucket: ${missing.join(" and ")} not set`,
        fix: "set them in the environment of plinth, or the secrets plinth:s3.accessKeyId and plinth:s3.secretAccessKey with pulumi config set --secret --path",
      },
    ],
  };
}

function fromEnvironment(env: NodeJS.ProcessEnv): S3Credentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }) };
}
