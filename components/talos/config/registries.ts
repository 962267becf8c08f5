import type { NodeModel } from "./model";
import { configDocument } from "./network";
import type { ConfigDocument } from "./yaml";

/** Mirrors and authorities as fields, as contracts before v1.12 have them. */
export function registryFields({ mirrors = {}, authorities = {} }: NodeModel): ConfigDocument {
  return {
    mirrors: mapped(mirrors, ({ endpoints, overridePath, skipFallback }) => ({
      endpoints,
      ...(overridePath === true && { overridePath }),
      ...(skipFallback === true && { skipFallback }),
    })),
    // Only the field wants the certificate in base64, the document takes it as it is.
    config: mapped(authorities, (pem) => ({ tls: { ca: Buffer.from(pem).toString("base64") } })),
  };
}

/** The same as documents (contract v1.12 and later). */
export function registryDocuments({ mirrors = {}, authorities = {} }: NodeModel): readonly ConfigDocument[] {
  return [
    ...Object.entries(mirrors).map(([name, { endpoints, overridePath, skipFallback }]) =>
      configDocument("RegistryMirrorConfig", {
        name,
        endpoints: endpoints.map((url) => (overridePath === true ? { url, overridePath } : { url })),
        ...(skipFallback === true && { skipFallback }),
      }),
    ),
    ...Object.entries(authorities).map(([name, ca]) => configDocument("RegistryTLSConfig", { name, ca })),
  ];
}

function mapped<T>(map: Readonly<Record<string, T>>, use: (value: T) => ConfigDocument): ConfigDocument {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, use(value)]));
}
