/** plinth's command line as an OCI image, made of registry packages alone: no base image, no daemon. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RELEASED } from "../components/licensing/released";
import { ProblemError } from "../components/problem";
import { license, version } from "../package.json";
import { writeLayout } from "./layout";
import type { Architecture, Pins } from "./pins";
import { pinnedSources } from "./sources";
import { baseTree, COMMAND, NOBODY, plinthTree } from "./trees";

/** How an image is built. */
export interface Build {
  readonly pins: Pins;
  readonly architecture: Architecture;
  /** Folder that becomes the layout. An earlier layout there goes; anything else is refused. */
  readonly into: string;
  /** Folder that keeps what was downloaded. */
  readonly cache: string;
}

/** Builds the image and returns its digest, which is the same for the same sources. @throws ProblemError */
export async function buildImage({ pins, architecture, into, cache }: Build): Promise<string> {
  keepOthers(into);
  const work = mkdtempSync(join(tmpdir(), "plinth-image-"));
  try {
    const trees = ["base", "plinth"].map((name) => join(work, name));
    const [base = "", plinth = ""] = trees;
    for (const tree of trees) mkdirSync(tree);
    baseTree(base, pinnedSources(pins, architecture, cache), architecture);
    plinthTree(plinth);
    rmSync(into, { recursive: true, force: true });
    return await writeLayout(into, trees, {
      architecture,
      tag: version,
      created: new Date(RELEASED),
      entrypoint: COMMAND,
      // A user whom /etc/passwd does not know has no home either, and programs ask for it.
      env: { PATH: "/usr/bin", HOME: "/" },
      user: `${NOBODY}:${NOBODY}`,
      labels: {
        "org.opencontainers.image.title": "plinth",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": license,
      },
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Refuses a folder with somebody's files: only a layout is taken away for another one. */
function keepOthers(into: string): void {
  if (!existsSync(into) || existsSync(join(into, "oci-layout")) || readdirSync(into).length === 0) return;
  throw new ProblemError("No image was built:", [
    { path: into, reason: "holds files that are no image", fix: "name a folder that is empty, or not there yet" },
  ]);
}
