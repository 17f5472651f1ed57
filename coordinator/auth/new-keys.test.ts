import { expect, test } from "vitest";

import { gpuasctl } from "../../test/build/coordinator.ts";
import { readCommand } from "../ctl/arguments.ts";
import { keysManifest, newKeys, publicKeysFile } from "./new-keys.ts";
import { accountSigner, sealingKey } from "./nkeys.ts";

test("gives seeds that the coordinator can use, and servers no secret", () => {
  const keys = newKeys();
  expect(accountSigner(keys.issuer.seed, "x").publicKey).toBe(keys.issuer.publicKey);
  expect(sealingKey(keys.sealing.seed, "x").getPublicKey()).toBe(keys.sealing.publicKey);
  expect(keys.coordinator.publicKey).toMatch(/^U[A-Z2-7]{55}$/);
  const file = publicKeysFile(keys);
  for (const { seed, publicKey } of Object.values(keys)) {
    expect(file).toContain(publicKey);
    expect(file).not.toContain(seed);
  }
  expect(newKeys().issuer.seed).not.toBe(keys.issuer.seed);
  expect(JSON.parse(keysManifest(keys, "ns"))).toMatchObject({
    kind: "Secret",
    metadata: { name: "gpu-autoscaler-nats-keys", namespace: "ns" },
    stringData: { "issuer.seed": keys.issuer.seed, "keys.conf": file },
  });
});

test("gpuasctl prints it without a cluster", async () => {
  const { code, out, err } = await gpuasctl(["nats-keys", "team"]);
  expect([code, err]).toEqual([0, ""]);
  expect(JSON.parse(out)).toMatchObject({ kind: "Secret", metadata: { namespace: "team" } });
  expect(readCommand(["nats-keys"])).toMatchObject({ namespace: "gpu-autoscaler-system" });
  expect(() => readCommand(["nats-keys", "a", "b"])).toThrow("nats-keys takes one namespace, got also b");
});
