import * as pulumi from "@pulumi/pulumi";
import type { SecretSpec } from "../../components/kubernetes/service";
import { Keep, parseTexts } from "../../components/secrets/Keep";
import { recordGraph } from "../support/graph";

const answers = {
  resource: (type: string, name: string) =>
    type === "random:index/randomPassword:RandomPassword"
      ? { result: `password of ${name}` }
      : { privateKeyPem: `key of ${name}`, certPem: `certificate of ${name}` },
};
const spec = (text: SecretSpec["text"]): SecretSpec => ({ namespace: "n", name: "s", text });
const stack: Record<string, string> = { token: "t0ken", keys: '{"a":"1","b":"2"}' };

async function kept(text: SecretSpec["text"]) {
  const { resources, result } = await recordGraph(() => {
    const keep = new Keep("k", {
      keep: {
        passwords: { api: { length: 40 } },
        keypairs: { ca: { commonName: "Home", authority: true, years: 10 } },
      },
      secret: (name) => (stack[name] === undefined ? undefined : pulumi.secret(stack[name])),
    });
    const texts = keep.texts(spec(text));
    return { read: settled(texts), secret: pulumi.isSecret(texts), keep };
  }, answers);
  return { resources, ...result, read: await result.read };
}

/** What an output holds. */
function settled(output: pulumi.Output<Record<string, string>>): Promise<Record<string, string>> {
  return (output as unknown as { promise(): Promise<Record<string, string>> }).promise();
}

test("what is kept is protected, and made of strong stuff", async () => {
  const { resources } = await kept({});
  const made = Object.fromEntries(resources.filter(({ custom }) => custom).map((each) => [each.name, each]));
  expect(Object.keys(made).sort()).toEqual(["k-api", "k-ca", "k-ca-certificate"]);
  expect(Object.values(made).every(({ protect }) => protect)).toBe(true);
  expect(made["k-api"]?.inputs).toMatchObject({ length: 40, special: false });
  expect(made["k-ca"]?.inputs).toMatchObject({ algorithm: "RSA", rsaBits: 4096 });
  expect(made["k-ca-certificate"]?.inputs).toMatchObject({ isCaCertificate: true, subject: { commonName: "Home" } });
});

test("a Secret's text is put together from what is kept and what the stack has, and is secret as a whole", async () => {
  const { read, secret } = await kept({
    file: ["token: ", { stack: "token" }, "\n"],
    api: [{ password: "api" }],
    "tls.key": [{ keypair: "ca", part: "key" }],
    "tls.crt": [{ keypair: "ca", part: "certificate" }],
  });
  expect(read).toEqual({
    file: "token: t0ken\n",
    api: "password of k-api",
    "tls.key": "key of k-ca",
    "tls.crt": "certificate of k-ca-certificate",
  });
  expect(await secret).toBe(true);
});

test("one secret of the stack may hold all texts, and nothing but texts", async () => {
  expect((await kept({ stack: "keys" })).read).toEqual({ a: "1", b: "2" });
  for (const broken of ["[1]", '{"a":1}', "s3cret", "null"]) {
    expect(() => parseTexts("keys", broken)).toThrow("secrets:keys is not a JSON object of texts");
  }
});

test("knows which Secrets the stack can fill", async () => {
  const { keep } = await kept({});
  expect(keep.has(spec({ stack: "keys" }))).toBe(true);
  expect(keep.has(spec({ a: ["x", { stack: "nowhere" }] }))).toBe(false);
});
