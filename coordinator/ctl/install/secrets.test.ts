import { expect, test } from "vitest";

import { AppError } from "../../../shared/runtime/errors.ts";
import type { Rendered } from "./helm.ts";
import { secretsLacking, secretsWanted } from "./secrets.ts";

const LIMITS = { signal: new AbortController().signal };

function pods(name: string, spec: object): Rendered {
  const made = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { template: { spec } },
  };
  return made as Rendered;
}

const OBJECTS: readonly Rendered[] = [
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } } as Rendered,
  { apiVersion: "v1", kind: "Secret", metadata: { name: "made" } } as Rendered,
  pods("a", {
    volumes: [
      { name: "keys", secret: { secretName: "keys" } },
      { name: "own", secret: { secretName: "made" } },
      { name: "maybe", secret: { secretName: "maybe", optional: true } },
      {
        name: "both",
        projected: { sources: [{ configMap: { name: "c" } }, { secret: { name: "public" } }] },
      },
    ],
  }),
  pods("b", {
    initContainers: [{ envFrom: [{ secretRef: { name: "all" } }] }],
    containers: [{ env: [{ name: "X" }, { name: "Y", valueFrom: { secretKeyRef: { name: "one" } } }] }],
  }),
];

test("Secrets that pods need are found wherever a pod names one, but those that may lack or come with the chart", () => {
  expect(secretsWanted(OBJECTS)).toEqual(["all", "keys", "one", "public"]);
});

test("those that are not there are told, and what cannot be read is an error", async () => {
  const has = (there: readonly string[]) => ({
    get: async (_: unknown, { name }: { readonly name: string }): Promise<never> => {
      await Promise.resolve();
      if (there.includes(name)) return { metadata: { name } } as never;
      throw new AppError("not-found", "404");
    },
  });
  expect(await secretsLacking(has(["all", "one", "public"]), "ns", OBJECTS, LIMITS)).toEqual(["keys"]);
  const denied = {
    get: async (): Promise<never> => {
      await Promise.resolve();
      throw new AppError("denied", "403");
    },
  };
  await expect(secretsLacking(denied, "ns", OBJECTS, LIMITS)).rejects.toMatchObject({ kind: "denied" });
});
