import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { ProblemError } from "../problem";

/** The site object of a stack file, as written. Throws a ProblemError when the file is no stack file of a site. */
export function readSiteFile(file: string): unknown {
  const document = parseDocument(read(file), { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new ProblemError(
      `${file} is not YAML:`,
      document.errors.map((error) => ({
        path: "",
        reason: error.message.split("\n")[0] ?? "",
        fix: "correct the line",
      })),
    );
  }
  const site: unknown = document.getIn(["config", "plinth:site"], true) && document.toJS().config["plinth:site"];
  if (site === undefined) {
    throw new ProblemError(`${file} describes no site:`, [
      {
        path: "config.plinth:site",
        reason: "is missing",
        fix: "write the site below this key; stacks/Pulumi.lab.yaml shows one",
      },
    ]);
  }
  return site;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).message;
    throw new ProblemError("There is nothing to read:", [
      { path: file, reason, fix: "name a stack file that you may read" },
    ]);
  }
}
