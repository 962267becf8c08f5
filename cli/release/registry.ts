/** A repository that an OCI registry carries: one manifest whose layers are its files, titled by their paths. */
import { z } from "zod";
import { ProblemError } from "../../components/problem";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const TITLE = "org.opencontainers.image.title";
/** As long as a manifest of thousands of files. */
const LONGEST = 4_194_304;

const manifest = z.object({
  layers: z.array(
    z.object({
      digest: z.string().regex(/^sha\d+:[0-9a-f]+$/),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
});
const granted = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** Reads a file of the repository; the answer may be that there is none. */
export type Reader = (path: string) => Promise<Response>;

/**
 * Looks up which files a reference as `oci://registry.example.org/releases:stable` carries. Nothing of it is believed:
 * what is read is verified as from anywhere else. @throws ProblemError
 */
export async function registryReader(reference: string, timeout: number): Promise<Reader> {
  const [, host = "", name = "", tag = "latest"] =
    /^oci:\/\/([^/]+)\/([a-z0-9._/-]+?)(?::([\w.-]+))?$/.exec(reference) ?? [];
  if (name === "")
    throw problem(reference, "is no place in a registry", "write it as oci://registry.example.org/releases:stable");
  // As every client of registries has it.
  const scheme = /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/.test(host) ? "http" : "https";
  const base = `${scheme}://${host}/v2/${name}`;
  const headers: Record<string, string> = { accept: MANIFEST };
  const get = (url: string) => fetch(url, { headers, signal: AbortSignal.timeout(timeout) });
  let answer = await get(`${base}/manifests/${tag}`);
  if (answer.status === 401) {
    const token = await anonymousToken(answer.headers.get("www-authenticate") ?? "", timeout);
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    answer = await get(`${base}/manifests/${tag}`);
  }
  if (!answer.ok) {
    await answer.body?.cancel();
    const fix = "look at the name and the tag; where a login is needed, pull it into a folder with oras and name that";
    throw problem(reference, `its registry answers ${answer.status}`, fix);
  }
  const files = new Map(
    layersOf(await bounded(answer), reference).map(({ digest, annotations }) => [annotations?.[TITLE], digest]),
  );
  return async (path) => {
    const digest = files.get(path);
    return digest === undefined ? new Response(null, { status: 404 }) : get(`${base}/blobs/${digest}`);
  };
}

/** What a registry gives to whoever asks: most want to be asked so even for what is public. */
async function anonymousToken(challenge: string, timeout: number): Promise<string | undefined> {
  const of = (key: string) => new RegExp(`${key}="([^"]*)"`).exec(challenge)?.[1];
  const realm = of("realm");
  if (!/^bearer /i.test(challenge) || realm === undefined || !URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const key of ["service", "scope"]) {
    const value = of(key);
    if (value !== undefined) url.searchParams.set(key, value);
  }
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeout) });
  if (!answer.ok) return undefined;
  const { token, access_token } = granted.parse(JSON.parse((await bounded(answer)).toString()));
  return token ?? access_token;
}

function layersOf(bytes: Buffer, reference: string) {
  try {
    return manifest.parse(JSON.parse(bytes.toString())).layers;
  } catch {
    throw problem(reference, "is no list of files", "fill it as docs/releases.md says");
  }
}

async function bounded(answer: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > LONGEST) throw new Error(`its answer has more than ${LONGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function problem(path: string, reason: string, fix: string): ProblemError {
  return new ProblemError("There is no update:", [{ path, reason, fix }]);
}
