import { constants, createCipheriv, publicEncrypt, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { connect } from "node:net";

/** What a platform serves, asked as anybody would who has its addresses. */

/** Whether this user may open any port on this computer; most may not below 1024. */
export function mayOpenEveryPort(): boolean {
  const file = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  return process.getuid?.() === 0 || (existsSync(file) && Number(readFileSync(file, "utf8")) <= DNS);
}

const DNS = 53;

/** How a request was answered. */
export interface Answer {
  readonly status: number | undefined;
  readonly location: string | undefined;
  readonly body: string;
}

/** Asks an address for a host's page; with an authority by HTTPS, whose certificate it has to have signed. */
export function ask(
  address: string,
  host: string,
  options: { readonly path: string; readonly ca?: string; readonly headers?: Readonly<Record<string, string>> },
): Promise<Answer> {
  const { path, ca, headers = {} } = options;
  const common = { host: address, path, headers: { ...headers, Host: host }, agent: false, timeout: 20_000 } as const;
  return new Promise((resolve, reject) => {
    const answered = (response: http.IncomingMessage): void => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode, location: response.headers.location, body }));
    };
    const request =
      ca === undefined ? http.get(common, answered) : https.get({ ...common, ca, servername: host }, answered);
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`${host} does not answer`)));
  });
}

/** IPv4 addresses of a name by DNS over TCP; NXDOMAIN where the server knows no such name. */
export function lookUp(server: string, name: string): Promise<readonly string[] | "NXDOMAIN"> {
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const question = Buffer.concat([
    Buffer.from([0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port: DNS, timeout: 20_000 }, () =>
      socket.write(Buffer.concat([length, question])),
    );
    const parts: Buffer[] = [];
    socket.on("error", reject).on("timeout", () => socket.destroy(new Error(`${server} does not answer`)));
    socket.on("data", (part) => {
      parts.push(part);
      const whole = Buffer.concat(parts);
      if (whole.length < 2 || whole.length < 2 + whole.readUInt16BE(0)) return;
      socket.destroy();
      const message = whole.subarray(2);
      if ((message.readUInt8(3) & 0xf) === 3) return resolve("NXDOMAIN");
      // Behind the question, every answer is a pointer to its name, ten bytes of facts, and four of an address.
      const answers = Array.from({ length: message.readUInt16BE(6) }, (_, index) => question.length + 16 * index + 12);
      resolve(answers.map((at) => [...message.subarray(at, at + 4)].join(".")));
    });
  });
}

/** A text sealed as kubeseal does it: a key of its own for the text, that key for whoever has the certificate's. */
export function seal(certificate: string, label: string, text: string): string {
  const key = randomBytes(32);
  const sealedKey = publicEncrypt(
    { key: certificate, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256", oaepLabel: Buffer.from(label) },
    key,
  );
  const length = Buffer.alloc(2);
  length.writeUInt16BE(sealedKey.length);
  const cipher = createCipheriv("aes-256-gcm", key, Buffer.alloc(12));
  const body = [cipher.update(text), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat([length, sealedKey, ...body]).toString("base64");
}
