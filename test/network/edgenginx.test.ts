/**
 * The edge configuration in a real nginx: PLINTH_NGINX names it, else it is looked for on PATH; PLINTH_NGINX_STREAM names
 * its stream module where that is a file of its own. Nothing but loopback addresses is used.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Duplex } from "node:stream";
import { connect as startTls } from "node:tls";
import { edgeConfig } from "../../components/network/edge";

const nginx = process.env.PLINTH_NGINX ?? "nginx";
const long = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.example.org`;

function runs(): boolean {
  try {
    execFileSync(nginx, ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A site: says its name to whoever sends it the first packet of TLS, and ends. */
function site(name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (data) => socket.end(data[0] === 0x16 ? name : "no TLS"));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** The first packet of TLS that asks for a name. */
function clientHello(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write(packet: Buffer, _encoding, done) {
        resolve(packet);
        done();
      },
    });
    startTls({ socket: wire, servername }).on("error", () => undefined);
  });
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = await site("");
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

(runs() ? describe : describe.skip)("the edge in a real nginx", () => {
  const sites: Server[] = [];
  let child: ChildProcess | undefined;
  let folder = "";
  let port = 0;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "plinth-edge-"));
    for (const name of ["home", "office", "before"]) sites.push(await site(name));
    const [home = 0, office = 0, before = 0] = sites.map(portOf);
    port = await freePort();
    const module = process.env.PLINTH_NGINX_STREAM;
    writeFileSync(
      path.join(folder, "edge.conf"),
      edgeConfig({
        routes: {
          home: { hosts: ["*.home.example.org", "home.example.org"], to: `127.0.0.1:${home}` },
          office: { hosts: ["office.example.org", long], to: `127.0.0.1:${office}` },
        },
        fallback: `127.0.0.1:${before}`,
        port,
        addresses: ["127.0.0.1"],
      }),
    );
    writeFileSync(
      path.join(folder, "nginx.conf"),
      [
        ...(module === undefined ? [] : [`load_module ${module};`]),
        "daemon off;",
        "master_process off;",
        `pid ${folder}/pid;`,
        "error_log stderr;",
        "events {}",
        "include edge.conf;",
        "",
      ].join("\n"),
    );
    child = spawn(nginx, ["-e", "stderr", "-p", folder, "-c", "nginx.conf"], { stdio: "ignore" });
    for (let tries = 0; tries < 100 && !(await led("home.example.org")); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }, 60_000);

  afterAll(async () => {
    if (child !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child?.once("exit", resolve));
      child.kill();
      await ended;
    }
    for (const server of sites) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Which site a connection with this name is led to; the empty text if it is closed. */
  async function led(servername: string): Promise<string> {
    const hello = await clientHello(servername);
    return new Promise((resolve) => {
      let said = "";
      const socket = connect(port, "127.0.0.1", () => socket.write(hello));
      socket.on("data", (data) => {
        said += data.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(said));
    });
  }

  test.each([
    ["home.example.org", "home"],
    ["git.home.example.org", "home"],
    ["office.example.org", "office"],
    [long, "office"],
    ["elsewhere.example.net", "before"],
  ])("%s is led to %s", async (host, name) => {
    expect(await led(host)).toBe(name);
  });
});
