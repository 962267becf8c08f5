import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { buildMedia, planMedia, qemuCommand } from "../../bootserver/media";
import { schematicId, schematicYaml } from "../../components/boot/schematic";
import { freshFolder, removeFolders } from "./support";

const schematic = { extensions: ["siderolabs/iscsi-tools"] };
let factory: Server;
let files: string;
let known: string | undefined;

/** An Image Factory that knows what it was told. */
beforeAll(async () => {
  factory = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (request.url === "/schematics") {
        known = createHash("sha256").update(body).digest("hex");
        response.end(JSON.stringify({ id: known }));
      } else if (known !== undefined && request.url?.includes(`/image/${known}/v1.13.0/`)) {
        response.end(`content of ${path.basename(request.url)}`);
      } else response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => factory.listen(0, "127.0.0.1", resolve));
  files = `http://127.0.0.1:${(factory.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => factory.close(resolve));
  removeFolders();
});

const plan = (version = "v1.13.0") =>
  planMedia({ schematic: schematicId(schematic), version, arch: "amd64", files }, schematicYaml(schematic));

test("media come whole, with checksums, where the boot server looks for them", async () => {
  const folder = freshFolder();
  const lines: string[] = [];
  await buildMedia(plan(), folder, (line) => lines.push(line));
  const target = path.join(folder, schematicId(schematic), "v1.13.0");
  const names = ["SHA256SUMS", "cmdline-metal-amd64", "initramfs-amd64.xz", "kernel-amd64", "metal-amd64.iso"];
  expect(readdirSync(target).sort()).toEqual(names);
  for (const name of names.slice(1)) {
    const sum = createHash("sha256")
      .update(readFileSync(path.join(target, name)))
      .digest("hex");
    expect(readFileSync(path.join(target, "SHA256SUMS"), "utf8")).toContain(`${sum}  ${name}\n`);
    expect(lines).toContain(`${sum}  ${name}`);
  }
  expect(qemuCommand(plan())).toContain("-cdrom metal-amd64.iso");
});

test("a version the factory does not have, or a factory that is away, is named; no half file stays", async () => {
  const folder = freshFolder();
  await expect(buildMedia(plan("v1.13.1"), folder, () => undefined)).rejects.toThrow(
    /kernel-amd64: answers 404 \(check version/,
  );
  expect(readdirSync(path.join(folder, schematicId(schematic), "v1.13.1"))).toEqual([]);
  const away = planMedia({ ...plan().source, files: "http://127.0.0.1:9" }, undefined);
  await expect(buildMedia(away, folder, () => undefined)).rejects.toThrow(/cannot be reached .*talos\.factory/);
});
