import { describe, expect, test } from "vitest";

import { createHelm, objectsIn } from "./helm.ts";
import type { RunHelm } from "./helm.ts";
import { serviceIn } from "./nats.ts";
import { createRunHelm } from "./run-helm.ts";
import { commandText } from "./words.ts";

function helm(run: RunHelm) {
  const rest = { values: ["a.yaml", "b.yaml"], sets: ["x=1"], kubeconfig: "/k", context: "prod" };
  return createHelm({ run, chart: "./chart", release: "gpus", namespace: "ops", ...rest });
}

describe("createHelm()", () => {
  test("passes on files, values, cluster and how long to wait", () => {
    const { upgradeArgs } = helm(async () => await Promise.resolve({ code: 0, out: "", err: "" }));
    expect(commandText(["helm", ...upgradeArgs("5m")])).toBe(
      "helm upgrade gpus ./chart --install --namespace ops --values a.yaml --values b.yaml --set x=1 --kubeconfig /k --kube-context prod --wait --timeout 5m",
    );
    expect(upgradeArgs(null)).not.toContain("--wait");
  });

  test("says of what helm refuses what it said, without its own prefixes", async () => {
    const err = "Error: values don't meet the specifications:\n\n- replicaCuont: not allowed\n";
    const { rendered } = helm(async () => await Promise.resolve({ code: 1, out: "", err }));
    await expect(rendered()).rejects.toMatchObject({
      kind: "bad-input",
      message: expect.stringContaining("; - replicaCuont: not allowed") as string,
    });
  });

  test("tells a program that is not there from one that fails", async () => {
    await expect(createRunHelm("/nowhere/helm")(["version"])).rejects.toMatchObject({ kind: "not-found" });
    const { code, out } = await createRunHelm(process.execPath)(["-e", "console.log(1); process.exit(3)"]);
    expect({ code, out }).toEqual({ code: 3, out: "1\n" });
  });
});

describe("objectsIn()", () => {
  test("reads documents, and passes over empty ones", () => {
    const text = "---\n# only words\n---\napiVersion: v1\nkind: Secret\nmetadata: { name: a }\n---\n";
    expect(objectsIn(text)).toEqual([{ apiVersion: "v1", kind: "Secret", metadata: { name: "a" } }]);
  });

  test.each(["kind: Secret\n", "a: [\n", "- 1\n"])("refuses %j", (text) => {
    expect(() => objectsIn(text)).toThrow(/no YAML|no kind or no name/);
  });
});

test("a shell's special signs are put in quotes", () => {
  expect(commandText(["helm", "--set", "a={b}", "it's"])).toBe("helm --set 'a={b}' 'it'\\''s'");
});

test.each([
  ["nats://nats.messaging.svc:4222", { namespace: "messaging", name: "nats" }],
  ["tls://nats-0.nats.messaging.svc.cluster.local:4222", { namespace: "messaging", name: "nats" }],
  ["nats.messaging.svc", { namespace: "messaging", name: "nats" }],
  ["nats://nats.example.com:4222", null],
  ["nats://10.0.0.7:4222", null],
])("the service behind %s", (url, expected) => {
  expect(serviceIn(url)).toEqual(expected);
});
