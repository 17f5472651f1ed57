// The chart on a real API server: each object of each value set is taken strictly, and helm installs, upgrades and removes
// it. Nothing runs there: no kubelet, no controllers.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { KubeObject } from "../../shared/model/kube.ts";
import { API_GROUP, POLICY, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import { templateOf } from "../build/workload.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { install } from "../control-plane/definitions.ts";
import { dryRunOf, pluralsOf } from "../control-plane/dry-run.ts";
import { CHART, example, EXAMPLES, helm, RELEASE, render, whyNoHelm } from "../control-plane/helm.ts";
import type { Rendered } from "../control-plane/helm.ts";
import { inventory } from "../control-plane/inventory.ts";
import { monitoringDefinitions } from "../control-plane/monitoring.ts";
import { installPolicies } from "../control-plane/policy-answers.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = (await whyNoControlPlane()) ?? (await whyNoHelm());
const { agent: AGENT, coordinator: COORDINATOR } = SERVICE_ACCOUNT;

describe.skipIf(missing !== null)("the chart's objects on a real API server", () => {
  let plane: ControlPlane;
  let plurals: ReadonlyMap<string, string>;
  beforeAll(async () => {
    plane = await startControlPlane();
    await installPolicies(plane);
    await install(plane, monitoringDefinitions());
    await plane.client.create(RESOURCE.namespaces, { metadata: { name: RELEASE.namespace } } as KubeObject);
    plurals = await pluralsOf(plane);
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  const answerTo = async (object: Rendered): Promise<string> => await dryRunOf(plane, plurals, object);

  test.each(EXAMPLES)("each of %s is taken, strictly", async (name) => {
    const objects = await render([example(name)]);
    expect(objects.length).toBeGreaterThan(20);
    for (const object of objects)
      expect(await answerTo(object), `${object.kind} ${object.metadata.name}`).toBe("taken");
  });

  test("coordinators and NATS run where Pod Security is restricted, agents only where it is privileged", async () => {
    const makers = (await render([example("eks")])).filter(({ kind }) => /Set$|^Deployment$/.test(kind));
    const answers: Record<string, string> = {};
    for (const level of ["restricted", "baseline", "privileged"]) {
      const labels = { "pod-security.kubernetes.io/enforce": level };
      await plane.client.create(RESOURCE.namespaces, { metadata: { name: level, labels } } as KubeObject);
      for (const object of makers) {
        const { metadata, spec } = templateOf(object);
        // A StatefulSet's volumes are made by its controller.
        const { volumeClaimTemplates: claims = [] } = object["spec"] as {
          readonly volumeClaimTemplates?: readonly Rendered[];
        };
        const volumes = [
          ...(spec.volumes ?? []),
          ...claims.map((claim) => ({ name: claim.metadata.name, emptyDir: {} })),
        ];
        const pod = {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { ...metadata, name: "one", namespace: level },
          spec: { ...spec, volumes },
        };
        const answer = await answerTo(pod as unknown as Rendered);
        answers[`${object.kind} ${level}`] =
          answer === "taken" ? answer : (/violates PodSecurity/.exec(answer)?.[0] ?? answer);
      }
    }
    expect(answers).toEqual({
      "Deployment restricted": "taken",
      "StatefulSet restricted": "taken",
      "DaemonSet restricted": "violates PodSecurity",
      "Deployment baseline": "taken",
      "StatefulSet baseline": "taken",
      "DaemonSet baseline": "violates PodSecurity",
      "Deployment privileged": "taken",
      "StatefulSet privileged": "taken",
      "DaemonSet privileged": "taken",
    });
  });

  test("is asked so that it would say no to a field that is not there, and to a policy that contradicts itself", async () => {
    const objects = await render([example("eks")]);
    const daemons = objects.find(({ kind }) => kind === "DaemonSet");
    const policy = objects.find(({ kind }) => kind === POLICY.kind);
    if (daemons === undefined || policy === undefined) throw new Error("the chart has lost an object");
    const misspelt = { ...daemons, spec: { ...(daemons["spec"] as object), minReadySecond: 1 } };
    expect(await answerTo(misspelt)).toContain("minReadySecond");
    const backwards = { ...policy, spec: { ...(policy["spec"] as object), scaleUpThreshold: 0.1 } };
    expect(await answerTo(backwards)).toMatch(/^422 .*scaleDownThreshold/);
  });
});

describe.skipIf(missing !== null)("helm on a real API server", () => {
  let plane: ControlPlane;
  let folder: string;
  let kubeconfig: string;
  beforeAll(async () => {
    plane = await startControlPlane();
    await install(plane, monitoringDefinitions());
    folder = await mkdtemp(join(tmpdir(), "helm-install-"));
    kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, plane.kubeconfig());
  });
  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const inNamespace = ["--namespace", RELEASE.namespace];

  test("installs, upgrades and removes, and leaves nothing of ours but the definition of policies", async () => {
    const before = await inventory(plane);

    const notes = await helm(
      ["install", RELEASE.name, CHART, ...inNamespace, "--create-namespace", "--values", example("eks")],
      { kubeconfig },
    );
    expect(notes).toContain(`rollout status deployment/${COORDINATOR}`);
    expect(notes.match(/^\d\. /gm)).toHaveLength(3);
    const installed = await inventory(plane);
    const expected = await render([example("eks")]);
    expect(installed.size - before.size).toBeGreaterThanOrEqual(expected.length);
    const made = await plane.client.get(RESOURCE.policies, { name: "production" });
    expect(made.spec).toMatchObject({
      maxNodes: 100,
      nodePools: [{ name: "spot-pool" }, { name: "on-demand-pool" }],
    });

    // What the account may do is what the role says: asked of the server, not of the text.
    const may = async (account: string, verb: string, resource: string, group = ""): Promise<boolean> =>
      await allowed(plane, { account, verb, resource, group });
    await eventually(async () => await may(AGENT, "patch", "nodes"));
    expect(await may(AGENT, "get", "secrets")).toBe(false);
    expect(await may(AGENT, "delete", "nodes")).toBe(false);
    await eventually(async () => await may(COORDINATOR, "patch", "nodes"));
    expect(await may(COORDINATOR, "get", "secrets")).toBe(false);
    expect(await may(COORDINATOR, "delete", "pods")).toBe(false);
    expect(await may(COORDINATOR, "update", POLICY.plural, API_GROUP)).toBe(false);

    await helm(["upgrade", RELEASE.name, CHART, ...inNamespace, "--values", example("bare-metal")], {
      kubeconfig,
    });
    const upgraded = await inventory(plane);
    const names = [...upgraded].join("\n");
    expect(names).toContain(`${POLICY.plural}.${API_GROUP} racks`);
    expect(names).not.toContain(`${POLICY.plural}.${API_GROUP} production`);
    expect(names).not.toContain(`statefulsets.apps ${RELEASE.namespace}/gpu-autoscaler-nats`);

    await helm(["uninstall", RELEASE.name, ...inNamespace], { kubeconfig });
    await eventually(async () => {
      const left = (await inventory(plane)).difference(before);
      return !upgraded.difference(before).isSubsetOf(left);
    });
    const left = [...(await inventory(plane)).difference(before)].toSorted();
    expect(left).toEqual([
      // Helm deletes no definition, since every object of it would go as well, and no namespace.
      `customresourcedefinitions.apiextensions.k8s.io ${POLICY.plural}.${API_GROUP}`,
      `namespaces ${RELEASE.namespace}`,
    ]);
  });

  test("refuses wrong values before anything is changed", async () => {
    const before = await inventory(plane);
    const wrong = {
      policies: { training: { provider: "aws", nodePools: [{ name: "a", capacityType: "spot" }] } },
    };
    const said = await helm(["install", "wrong", CHART, ...inNamespace, "--values", example("minimal")], {
      kubeconfig,
      values: wrong,
    }).catch(String);
    expect(said).toContain("policies.training.nodePools[0].group");
    expect([...(await inventory(plane)).difference(before)]).toEqual([]);
  });
});

async function allowed(
  { send }: Pick<ControlPlane, "send">,
  { account, verb, resource, group }: Readonly<Record<"account" | "verb" | "resource" | "group", string>>,
): Promise<boolean> {
  const { text } = await send({
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    json: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: `system:serviceaccount:${RELEASE.namespace}:${account}`,
        resourceAttributes: { group, resource, verb, namespace: RELEASE.namespace },
      },
    },
  });
  const { status } = JSON.parse(text) as { readonly status: { readonly allowed: boolean } };
  return status.allowed;
}
