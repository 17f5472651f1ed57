// What documents show, by those who would read it: YAML by a real API server, strictly and without keeping it, and by helm;
// commands of kubectl and helm by what these say of themselves. The rest is in test/documents.test.ts.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";

import type { KubeObject } from "../../shared/model/kube.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { whyNoControlPlane, whyNoKubectl } from "../control-plane/available.ts";
import { clusterApiDefinitions, install, karpenterDefinitions } from "../control-plane/definitions.ts";
import { dryRunOf, pluralsOf } from "../control-plane/dry-run.ts";
import { example, RELEASE, render, whyNoHelm } from "../control-plane/helm.ts";
import type { Rendered, Values } from "../control-plane/helm.ts";
import { monitoringDefinitions } from "../control-plane/monitoring.ts";
import { installPolicies } from "../control-plane/policy-answers.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { collect } from "../documents/collect.ts";
import type { Shown } from "../documents/collect.ts";
import { complaintByHelp, helpFrom } from "../documents/help.ts";
import { writtenIn } from "../documents/yaml.ts";
import type { Written } from "../documents/yaml.ts";
import { obtain } from "../tools/obtain.ts";

const missing = (await whyNoControlPlane()) ?? (await whyNoHelm()) ?? (await whyNoKubectl());

describe.skipIf(missing !== null)("what documents show, by those who read it", () => {
  let shown: Shown;
  let valueKeys: ReadonlySet<string>;
  beforeAll(async () => {
    shown = await collect();
    valueKeys = new Set(Object.keys(parse(shown.repository.text("deploy/chart/values.yaml")) as object));
  });
  const at = ({ file, line }: { readonly file: string; readonly line: number }): string => `${file}:${line}`;

  describe("YAML", () => {
    let plane: ControlPlane;
    let plurals: ReadonlyMap<string, string>;
    beforeAll(async () => {
      plane = await startControlPlane();
      await installPolicies(plane);
      await install(plane, monitoringDefinitions());
      await install(plane, await clusterApiDefinitions());
      await install(plane, await karpenterDefinitions());
      await plane.client.create(RESOURCE.namespaces, {
        metadata: { name: RELEASE.namespace },
      } as KubeObject);
      plurals = await pluralsOf(plane);
    });
    afterAll(async () => await plane[Symbol.asyncDispose]());

    /** "taken", or what is said against it. */
    const answerTo = async (written: Written): Promise<string> => {
      if (written.kind === "manifest")
        return await dryRunOf(plane, plurals, written.object as unknown as Rendered);
      if (written.kind === "pod") return await dryRunOf(plane, plurals, podWith(written.spec));
      if (written.kind !== "values") return "taken";
      return await render([example("minimal")], written.values as Values).then(
        () => "taken",
        (error: unknown) => String(error),
      );
    };

    test("of every document is taken: manifests by the API server, values by helm", async () => {
      const answers: string[] = [];
      for (const piece of shown.yaml)
        for (const written of writtenIn(piece, valueKeys)) {
          const answer = await answerTo(written);
          if (answer !== "taken") answers.push(`${at(piece)}: ${answer}`);
        }
      expect(answers).toEqual([]);
    });

    test("is asked so that each would say no", async () => {
      const texts = [
        "apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: default }\nspec: { containers: [{ name: a, image: a, imag: b }] }",
        "volumes: [{ name: a, projcted: {} }]",
        "agent: { prot: 1 }",
      ];
      const all = texts.flatMap((text) => writtenIn({ text }, valueKeys));
      const answers = await Promise.all(all.map(answerTo));
      expect(answers).toEqual([
        expect.stringContaining("imag"),
        expect.stringContaining("projcted"),
        expect.stringContaining("prot"),
      ]);
    });

    test("in files that commands of documents apply is taken as well", async () => {
      const files = new Set(
        shown.commands.flatMap(({ words }) =>
          words[0] === "kubectl" ? words.filter((word) => /^deploy\/.*\.yaml$/.test(word)) : [],
        ),
      );
      const refused: string[] = [];
      for (const file of files) {
        if (!shown.repository.paths.has(file)) continue;
        for (const written of writtenIn({ text: shown.repository.text(file) }, valueKeys)) {
          const answer = await answerTo(written);
          if (!/^taken$|already exists/.test(answer)) refused.push(`${file}: ${answer}`);
        }
      }
      expect(refused).toEqual([]);
      expect(files.size).toBeGreaterThan(0);
    });
  });

  test(
    "commands of kubectl and helm have words and flags that these know",
    { timeout: 120_000 },
    async () => {
      const run = promisify(execFile);
      const help = helpFrom(async (program, words) => {
        const path = await obtain(program);
        const { stdout } = await run(path, [...words], {
          env: { HOME: "/nonexistent", KUBECONFIG: "/dev/null" },
        });
        return stdout;
      });
      const commands = shown.commands.filter(({ words }) => words[0] === "kubectl" || words[0] === "helm");
      expect(commands.length).toBeGreaterThan(20);
      const complaints: string[] = [];
      for (const command of commands) {
        const complaint = await complaintByHelp(command.words, help);
        if (complaint !== null) complaints.push(`${at(command)}: ${command.words.join(" ")}: ${complaint}`);
      }
      expect(complaints).toEqual([]);
      const wrong = [
        "kubectl gte nodes",
        "kubectl get nodes --output-format wide",
        "kubectl rollout sttus deployment/a",
        "helm instal a",
        "helm upgrade --values-file a",
      ];
      const answers = await Promise.all(
        wrong.map(async (each) => await complaintByHelp(each.split(" "), help)),
      );
      expect(answers).not.toContain(null);
    },
  );
});

/** A pod that has nothing else. */
function podWith(spec: Readonly<Record<string, unknown>>): Rendered {
  const containers = [{ name: "main", image: "example.test/main" }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name: "from-a-document" },
    spec: { serviceAccountName: "default", containers, ...spec },
  };
}
