import { describe, expect, test } from "vitest";

import type { KubeObject } from "../../../shared/model/kube.ts";
import { POLICY, SERVICE_ACCOUNT } from "../../../shared/model/names.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { readCommand } from "../arguments.ts";
import { install, renderInstallation } from "./command.ts";
import { createHelm } from "./helm.ts";
import type { InstallClient } from "./read.ts";

const { namespace } = SERVICE_ACCOUNT;
const DEFINITION =
  "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: d }\n";
const RENDERED = `---
apiVersion: v1
kind: ConfigMap
metadata: { name: c, namespace: ${namespace} }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: gpu-autoscaler-nats, namespace: ${namespace} }
`;

interface Scene {
  readonly words?: string;
  readonly answer?: string | null;
  /** What helm upgrade ends with. */
  readonly code?: number;
  /** How often the API server does not know the kind of policies yet once their definition is there; default: never. */
  readonly unserved?: number;
  /** Applied it refuses this; written in place it takes it. */
  readonly refuses?: string;
}

async function run({ words = "install", answer = null, code = 0, unserved = 0, refuses }: Scene) {
  const command = readCommand(words.split(" "));
  if (command.word !== "install") throw new Error(words);
  const writes: string[] = [];
  const said: string[] = [];
  let asked = 0;
  const missing = async (): Promise<never> => {
    await Promise.resolve();
    throw new AppError("not-found", "404 not found");
  };
  // A cluster that has one StorageClass and nothing else, and takes everything.
  const client: InstallClient = {
    read: async (path) => {
      await Promise.resolve();
      if (path === "/version") return { major: "1", minor: "34", gitVersion: "v1.34.1" };
      if (path === `/apis/${POLICY.apiVersion}`) {
        asked += 1;
        if (asked <= unserved) return await missing();
        writes.push("(policies are served)");
      }
      const resources = [
        { name: "configmaps", kind: "ConfigMap", namespaced: true },
        { name: "statefulsets", kind: "StatefulSet", namespaced: true },
      ];
      return { resources };
    },
    get: missing,
    list: async <T extends KubeObject>({ plural }: Resource<T>) => {
      await Promise.resolve();
      const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
      const items: unknown =
        plural === "storageclasses" ? [{ metadata: { name: "gp3", annotations }, provisioner: "ebs" }] : [];
      // The kind that was asked for.
      return { items: items as readonly T[], resourceVersion: "1" };
    },
    create: async (resource, object) => {
      await Promise.resolve();
      if (resource.kind !== "SelfSubjectAccessReview")
        writes.push(`create ${resource.kind} ${object.metadata.name}`);
      return { ...object, status: { allowed: true } };
    },
    apply: async <T extends KubeObject>(
      resource: Resource<T>,
      ref: { readonly name: string },
      body: object,
      { dryRun = false }: { readonly dryRun?: boolean | undefined },
    ) => {
      await Promise.resolve();
      if (resource.kind === refuses)
        throw new AppError("refused", 'ports[1].name: Duplicate value: "metrics"');
      if (!dryRun) writes.push(`apply ${resource.kind} ${ref.name}`);
      return body as T;
    },
    mergePatch: async <T extends KubeObject>(
      { kind }: Resource<T>,
      ref: { readonly name: string },
      body: object,
      options: { readonly dryRun?: boolean } = {},
    ) => {
      await Promise.resolve();
      if (kind !== refuses) throw new AppError("refused", "422");
      if (options.dryRun !== true) writes.push(`patch ${kind} ${ref.name}`);
      return body as T;
    },
  };
  const clock = createFakeClock();
  const helm = createHelm({
    run: async ([word = ""]) => {
      await Promise.resolve();
      if (word === "upgrade") writes.push("helm upgrade");
      const out =
        { version: "v3.18.4", template: RENDERED, show: DEFINITION, upgrade: "deployed" }[word] ?? "";
      return word === "upgrade" && code !== 0
        ? { code, out: "", err: "Error: UPGRADE FAILED: timed out\n" }
        : { code: 0, out, err: "" };
    },
    chart: "./chart",
    release: command.release,
    namespace,
    values: [],
    sets: [],
    kubeconfig: "/k",
    context: undefined,
  });
  const ended = await install(command, {
    client,
    helm,
    print: (text) => said.push(text),
    ask: async () => await Promise.resolve(answer),
    // Time goes by as fast as it is waited for.
    clock: { ...clock, sleep: async (ms) => await clock.advance(ms) },
    signal: new AbortController().signal,
  });
  return { ended, writes, said: said.join("\n"), helm };
}

const ALL = [
  `create Namespace ${namespace}`,
  "apply CustomResourceDefinition d",
  "(policies are served)",
  "helm upgrade",
];

describe("install()", () => {
  test("makes the namespace, the definition and the rest in this order, once somebody has agreed", async () => {
    const { ended, writes, said } = await run({ answer: "yes" });
    expect({ ended, writes }).toEqual({ ended: 0, writes: ALL });
    expect(said).toContain("What an installation does:");
    expect(said).toContain("deployed");
    expect((await run({ words: "install --yes" })).writes).toEqual(ALL);
  });

  test.each([
    ["somebody says no", { answer: "no" }, 1],
    ["--pre-flight", { words: "install --pre-flight" }, 0],
    ["--dry-run", { words: "install --dry-run" }, 0],
  ])("changes nothing when %s", async (_name, scene, code) => {
    const { ended, writes } = await run(scene);
    expect({ ended, writes }).toEqual({ ended: code, writes: [] });
  });

  test("asks for --yes where nobody sits", async () => {
    await expect(run({ answer: null })).rejects.toMatchObject({ kind: "settings" });
  });

  test("says what it has done and why not the rest, when helm fails", async () => {
    const { ended, said } = await run({ words: "install --yes -o json", code: 1 });
    expect(ended).toBe(1);
    expect(JSON.parse(said)).toMatchObject({
      result: {
        done: [expect.stringContaining("namespace"), expect.stringContaining("definition")],
        failed: expect.stringContaining("UPGRADE FAILED: timed out") as string,
      },
    });
  });

  test("waits until policies are served before helm comes, which would not know them, and not for ever", async () => {
    const { ended, writes } = await run({ words: "install --yes", unserved: 20 });
    expect({ ended, writes }).toEqual({ ended: 0, writes: ALL });
    const never = await run({ words: "install --yes", unserved: Infinity });
    expect(never).toMatchObject({ ended: 1, writes: ALL.slice(0, 2) });
    expect(never.said).toContain("does not serve it");
  });

  test("takes what the API server takes in the old one's place", async () => {
    const { said } = await run({ words: "install --pre-flight", refuses: "ConfigMap" });
    expect(said).toMatch(/^ok +objects/m);
  });

  test("renders namespace, definition and the chart's objects as one text", async () => {
    const { helm } = await run({ words: "install --dry-run" });
    const text = await renderInstallation(helm, namespace);
    expect(text.split(/^---$/m).map((part) => /kind"?: ?"?(\w+)/.exec(part)?.[1])).toEqual([
      "Namespace",
      "CustomResourceDefinition",
      "ConfigMap",
      "StatefulSet",
    ]);
  });
});
