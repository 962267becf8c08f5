/** The YAML library, loaded with the first text: previews wait for the policy pack, and many of them have none. */
export function yaml(): typeof import("yaml") {
  return require("yaml");
}
