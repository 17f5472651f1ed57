import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { calloutKeys } from "./callout.ts";
import { newKeys } from "./new-keys.ts";

const keys = newKeys();
let dir: string;
const path = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "callout-keys-"));
  await writeFile(path("issuer"), `${keys.issuer.seed}\n`);
  await writeFile(path("sealing"), keys.sealing.seed);
  await writeFile(path("wrong"), "nothing of that kind");
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

const ACCOUNT = "sys/agent";
const read = (natsIssuerFile: string | null, natsXkeyFile: string | null = null, natsCallout = true) =>
  calloutKeys({ natsCallout, natsIssuerFile, natsXkeyFile, agentServiceAccount: ACCOUNT });

test("reads the seeds when the callout is on, and nothing when it is off", () => {
  expect(read(null, null, false)).toBeNull();
  expect(read(path("missing"), null, false)).toBeNull();
  expect(read(path("issuer"))).toMatchObject({ issuer: { publicKey: keys.issuer.publicKey }, xkey: null });
  expect(read(path("issuer"), path("sealing"))?.xkey?.getPublicKey()).toBe(keys.sealing.publicKey);
});

test("names the setting that cannot be used", () => {
  const files = { natsCallout: true, natsIssuerFile: path("issuer"), natsXkeyFile: null };
  for (const agentServiceAccount of ["agent", "", "a/b/c", "system:serviceaccount:a/b"])
    expect(() => calloutKeys({ ...files, agentServiceAccount })).toThrow(
      `GPUAS_AGENT_SERVICE_ACCOUNT must be namespace/name, got "${agentServiceAccount}"`,
    );
  expect(() => read(null)).toThrow("GPUAS_NATS_ISSUER_FILE");
  expect(() => read(path("missing"))).toThrow(`GPUAS_NATS_ISSUER_FILE: cannot read ${path("missing")}`);
  expect(() => read(path("wrong"))).toThrow("GPUAS_NATS_ISSUER_FILE: what its file holds is no seed");
  expect(() => read(path("issuer"), path("wrong"))).toThrow(
    "GPUAS_NATS_XKEY_FILE: what its file holds is no seed",
  );
  expect(() => read(path("issuer"), path("issuer"))).toThrow("GPUAS_NATS_XKEY_FILE");
});
