import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPlugins, pulumiHome } from "../../lab/engine/plugins";
import { Instance } from "../../lab/instance/instance";
import { writeIngredients } from "../../lab/status/ingredients";
import { summary } from "../../lab/status/summary";

const scratch = mkdtempSync(join(tmpdir(), "plinth-plugins-"));
const cache = process.env.PLINTH_CACHE;
process.env.PLINTH_CACHE = join(scratch, "cache");
const instance = new Instance("plugins");
const standin = join(scratch, "standin");
const tools = { standin: { path: standin, version: "x", origin: "built" as const } };
const userHome = join(scratch, "home");
const env = { PULUMI_HOME: userHome };

beforeAll(() => writeFileSync(standin, "stand-in", { mode: 0o755 }));
afterEach(() => rmSync(userHome, { recursive: true, force: true }));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  if (cache === undefined) delete process.env.PLINTH_CACHE;
  else process.env.PLINTH_CACHE = cache;
});

/** What a user has who once ran `pulumi plugin install`. */
function official(folder: string): void {
  const at = join(userHome, "plugins", folder);
  mkdirSync(at, { recursive: true });
  for (const file of ["pulumi-resource-talos", "LICENSE"]) writeFileSync(join(at, file), `official ${file}`);
  chmodSync(join(at, "pulumi-resource-talos"), 0o755);
}

const placed = () => {
  const plugins = join(pulumiHome(instance), "plugins");
  return Object.fromEntries(
    readdirSync(plugins).map((folder) => [
      folder.replace(/^resource-(\w+)-v.*$/, "$1"),
      readFileSync(join(plugins, folder, `pulumi-resource-${folder.split("-")[1]}`), "utf8"),
    ]),
  );
};

test("stand-ins take the place of plugins that the user does not have", () => {
  expect(installPlugins(pulumiHome(instance), tools, env).map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "kubernetes stand-in",
    "random stand-in",
    "talos stand-in",
    "tls stand-in",
  ]);
  expect(placed()).toEqual({ kubernetes: "stand-in", random: "stand-in", talos: "stand-in", tls: "stand-in" });
});

test("an installed official plugin of the wanted version wins, whole, and gives way when it is gone", () => {
  const version = installPlugins(pulumiHome(instance), tools, env).find(({ name }) => name === "talos")?.version;
  official(`resource-talos-v${version}`);
  expect(installPlugins(pulumiHome(instance), tools, env).map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "kubernetes stand-in",
    "random stand-in",
    "talos official",
    "tls stand-in",
  ]);
  expect(placed()).toMatchObject({ kubernetes: "stand-in", talos: "official pulumi-resource-talos" });
  expect(readdirSync(join(pulumiHome(instance), "plugins", `resource-talos-v${version}`)).sort()).toEqual([
    "LICENSE",
    "pulumi-resource-talos",
  ]);
  rmSync(userHome, { recursive: true });
  installPlugins(pulumiHome(instance), tools, env);
  expect(placed().talos).toBe("stand-in");
});

test("one of another version does not", () => {
  official("resource-talos-v0.0.1");
  expect(installPlugins(pulumiHome(instance), tools, env).map(({ kind }) => kind)).toEqual(Array(4).fill("stand-in"));
});

test("the summary says which ran", () => {
  const version = installPlugins(pulumiHome(instance), tools, env).find(({ name }) => name === "talos")?.version;
  official(`resource-talos-v${version}`);
  const ingredients = { tools, plugins: installPlugins(pulumiHome(instance), tools, env) };
  writeIngredients(instance, ingredients);
  const text = summary({
    instance: instance.name,
    folder: instance.folder,
    network: "127.1.2.0/24",
    running: true,
    machines: [],
    clusters: [],
    unimplemented: [],
    ingredients,
    memoryMiB: 1,
  });
  expect(text).toMatch(new RegExp(`^real: .*, plugin talos v${version}$`, "m"));
  expect(text).toMatch(
    /^stood in for: +kubernetes v\S+, random v\S+, tls v\S+ \(install the official plugins and they are used\)$/m,
  );
});
