/** `plinth:index:checkVersion`: what a program asks this provider before everything else. */
import { z } from "zod";
import { CHECK_VERSION, type VersionQuestion } from "../components/functions";
import type { ProviderFunction } from "./function";

/** Bound of the call, in seconds: it reaches nothing outside of this process. */
const SECONDS = 30;

/** The function of a provider of the version `own`. */
export const checkVersion = (own: string): ProviderFunction<VersionQuestion> => ({
  token: CHECK_VERSION,
  inputs: z.strictObject({ library: z.string().min(1) }),
  secrets: [],
  seconds: () => SECONDS,
  about: () => "",
  async call({ library }) {
    if (library !== own) {
      throw new Error(
        `the program uses plinth ${library}, and the plugin that the engine has started for it is plinth ${own}: point ` +
          "'plugins.providers' of Pulumi.yaml into the package that the program uses ('plinth init' writes it)",
      );
    }
    // Every site asks for these next, and until then this process is idle.
    await import("./talos/real.js");
    return { plugin: own };
  },
});
