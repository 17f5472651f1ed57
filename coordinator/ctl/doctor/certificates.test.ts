import { expect, test } from "vitest";

import type { KubeObject } from "../../../shared/model/kube.ts";
import { NATS_SECRET } from "../../../shared/model/names.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { ObjectRef, Resource } from "../../../shared/runtime/kube/resources.ts";
import { createAuthority } from "../../../test/build/certificate.ts";
import { NOW } from "../../../test/build/now.ts";
import { readCertificates } from "./certificates.ts";
import type { Workload } from "./kinds.ts";

const { cert, key } = createAuthority("test", NOW);
const { cert: older } = createAuthority("old", NOW - 100 * 86_400_000);
const YEAR_MS = 365 * 86_400_000;

/** An API server that has these Secrets, and notes which ones it was asked for. */
function secrets(all: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const asked: string[] = [];
  const get = async <T extends KubeObject>(_: Resource<T>, { name }: ObjectRef): Promise<T> => {
    asked.push(name);
    const held = all[name];
    if (held === undefined) throw new AppError("not-found", name);
    const data = Object.fromEntries(
      Object.entries(held).map(([file, text]) => [file, Buffer.from(text).toString("base64")]),
    );
    return await Promise.resolve({ metadata: { name }, data } as unknown as T);
  };
  return { get, asked };
}

function mounting(...names: readonly string[]): Workload {
  const volumes = names.map((name) => ({ name, secret: { secretName: name } }));
  return { metadata: { name: "w" }, spec: { template: { spec: { volumes } } } };
}

test("reads of a chain the certificate that ends first, and no key", async () => {
  const api = secrets({ web: { "tls.crt": `${cert}\n${older}`, "tls.key": key, "key.pem": key } });
  const found = await readCertificates(api, "ns", [mounting("web"), mounting("web")], {});
  expect(found).toEqual([{ place: "Secret web, tls.crt", expires: expect.any(Number) as number }]);
  const days = ((found[0]?.expires ?? 0) - (NOW - 100 * 86_400_000 + YEAR_MS)) / 86_400_000;
  expect(Math.abs(days)).toBeLessThan(2);
  expect(api.asked).toEqual(["web"]);
});

test("says of a certificate that is none, and of a Secret that is not there, that it has no end", async () => {
  const api = secrets({ web: { "tls.crt": "nothing" } });
  expect(await readCertificates(api, "ns", [mounting("web", "gone")], {})).toEqual([
    { place: "Secret gone, which is not there", expires: null },
    { place: "Secret web, tls.crt", expires: null },
  ]);
});

test("never asks for the keys of NATS", async () => {
  const api = secrets({});
  const keys: Workload = {
    metadata: { name: "w" },
    spec: { template: { spec: { volumes: [{ name: "nats-keys", secret: { secretName: "mine" } }] } } },
  };
  expect(await readCertificates(api, "ns", [mounting(NATS_SECRET.name), keys], {})).toEqual([]);
  expect(api.asked).toEqual([]);
});

test("fails where Secrets may not be read", async () => {
  const get = async (): Promise<never> => await Promise.reject(new AppError("denied", "no"));
  await expect(readCertificates({ get }, "ns", [mounting("web")], {})).rejects.toSatisfy(
    (error: unknown) => kindOf(error) === "denied",
  );
});
