// Values that are wrong, each refused by helm with its key, and the keys of the usual guide as the policy that they mean.

import { describe, expect, test } from "vitest";

import { parsePolicy } from "../../shared/contract/policy.ts";
import { POLICY } from "../../shared/model/names.ts";
import { example, helm, CHART, one, refusal, render, whyNoHelm } from "../control-plane/helm.ts";
import type { Values } from "../control-plane/helm.ts";

const missing = await whyNoHelm();

const POOL = { name: "a", capacityType: "spot" };
const AWS = { aws: { region: "us-west-2", autoScalingGroup: "group" } };
const guide = (keys: Values): Values => ({ autoscaling: keys });
const policy = (spec: Values): Values => ({ policies: { training: { provider: "aws", ...spec } } });

/** What is wrong → values → what is said of it. */
const REFUSED: readonly (readonly [string, Values, string])[] = [
  // Keys that nobody knows.
  ["an unknown key", { agents: {} }, "agents"],
  [
    "an unknown setting",
    { agent: { settings: { samplInterval: "1s" } } },
    "/agent/settings': additional properties 'samplInterval'",
  ],
  [
    "a setting that is the chart's own",
    { agent: { settings: { natsServers: ["nats://a"] } } },
    "natsServers",
  ],
  [
    "an unknown field of a policy",
    policy({ maxNode: 3 }),
    "/policies/training': additional properties 'maxNode'",
  ],
  ["an unknown field of a pool", policy({ nodePools: [{ ...POOL, group: AWS, size: 1 }] }), "size"],
  ["an unknown key of the guide", guide({ provider: "aws", scaleUp: { treshold: 0.8 } }), "treshold"],
  // Wrong types and values.
  ["text for a number", { agent: { port: "9402" } }, "/agent/port"],
  ["a port that there is not", { coordinator: { port: 70_000 } }, "/coordinator/port"],
  [
    "a number for a duration",
    { agent: { settings: { sampleInterval: 1 } } },
    "/agent/settings/sampleInterval",
  ],
  [
    "a duration without a unit",
    { coordinator: { settings: { drainTimeout: "15" } } },
    "/coordinator/settings/drainTimeout",
  ],
  ["text for a flag", { agent: { settings: { gpm: "yes" } } }, "/agent/settings/gpm"],
  ["a word that is none of them", { agent: { settings: { cloud: "ibm" } } }, "/agent/settings/cloud"],
  ["two servers of NATS", { nats: { replicas: 2 } }, "/nats/replicas"],
  [
    "an address without a scheme",
    { nats: { external: { servers: ["nats:4222"] } } },
    "/nats/external/servers/0",
  ],
  ["a role that is none", { cloud: { aws: { roleArn: "gpu-autoscaler" } } }, "/cloud/aws/roleArn"],
  ["a share above 1", policy({ scaleUpThreshold: 80 }), "/policies/training/scaleUpThreshold"],
  ["a provider that is none", policy({ provider: "ibm" }), "/policies/training/provider"],
  ["a policy without a provider", { policies: { training: {} } }, "provider"],
  ["a policy's name that is none", { policies: { Training: { provider: "aws" } } }, "Training"],
  [
    "a threshold in percent",
    guide({ provider: "aws", scaleUp: { threshold: 80 } }),
    "/autoscaling/scaleUp/threshold",
  ],
  [
    "eviction without grace",
    guide({ provider: "aws", spot: { gracefulEviction: false } }),
    "/autoscaling/spot/gracefulEviction",
  ],
  [
    "a forecast's confidence in percent",
    guide({ provider: "aws", predictive: { confidenceThreshold: 70 } }),
    "/autoscaling/predictive/confidenceThreshold",
  ],
  [
    "a duration below its bound",
    { agent: { settings: { sampleInterval: "199.5ms" } } },
    "agent.settings.sampleInterval: 199.5ms is less than 200ms",
  ],
  [
    "a duration above its bound",
    { coordinator: { settings: { cycleInterval: "1m1s" } } },
    "coordinator.settings.cycleInterval: 1m1s is more than 60s",
  ],
  // Pools without a group.
  [
    "a pool without a group",
    policy({ nodePools: [POOL] }),
    "policies.training.nodePools[0].group: pool a has no group",
  ],
  [
    "a pool of the guide without a group",
    guide({ provider: "aws", nodePools: [POOL] }),
    "autoscaling.aws.autoScalingGroups.a: pool a has no group",
  ],
  [
    "a pool of another cloud without a group",
    guide({ provider: "custom", nodePools: [POOL] }),
    "autoscaling.nodePools[0].group: pool a has no group",
  ],
  [
    "a group without a pool",
    guide({
      provider: "aws",
      nodePools: [{ ...POOL, group: AWS }],
      aws: { region: "us-west-2", autoScalingGroups: { b: "group" } },
    }),
    "autoscaling.aws.autoScalingGroups.b: is no pool",
  ],
  [
    "groups without a region",
    guide({ provider: "aws", nodePools: [POOL], aws: { autoScalingGroups: { a: "group" } } }),
    "autoscaling.aws.region: is required",
  ],
  [
    "groups of a project without a zone",
    guide({ provider: "gcp", nodePools: [POOL], gcp: { projectID: "p", instanceGroups: { a: "group" } } }),
    "autoscaling.gcp.zone: is required with autoscaling.gcp.instanceGroups",
  ],
  [
    "scale sets without a resource group",
    guide({
      provider: "azure",
      nodePools: [POOL],
      azure: { subscriptionID: "s", vmScaleSets: { a: "set" } },
    }),
    "autoscaling.azure.resourceGroup: is required with autoscaling.azure.vmScaleSets",
  ],
  // Rivals.
  [
    "groups of another provider",
    guide({ provider: "aws", nodePools: [{ ...POOL, group: AWS }], gcp: { instanceGroups: { a: "group" } } }),
    "autoscaling.gcp.instanceGroups: the provider is aws",
  ],
  [
    "two groups of one pool",
    policy({ nodePools: [{ ...POOL, group: { ...AWS, simulated: { url: "http://a", name: "a" } } }] }),
    "policies.training.nodePools[0].group: aws and simulated cannot both size pool a",
  ],
  [
    "a group of another provider",
    policy({ provider: "gcp", nodePools: [{ ...POOL, group: AWS }] }),
    "policies.training.nodePools[0].group.aws: the policy's provider is gcp",
  ],
  [
    "two groups of one pool of the guide",
    guide({
      provider: "aws",
      nodePools: [{ ...POOL, group: AWS }],
      aws: { region: "us-west-2", autoScalingGroups: { a: "group" } },
    }),
    "autoscaling.nodePools[0].group: pool a has a group",
  ],
  [
    "two identities",
    { cloud: { aws: { roleArn: "arn:aws:iam::123456789012:role/a" }, azure: { clientId: "a" } } },
    "cloud.aws.roleArn and cloud.azure.clientId",
  ],
  ["a tenant without a client", { cloud: { azure: { tenantId: "a" } } }, "cloud.azure.tenantId"],
  [
    "one share said twice",
    guide({ provider: "aws", spot: { targetPercentage: 0.5 }, multiTier: { spotPercentage: 0.6 } }),
    "autoscaling.multiTier.spotPercentage: 0.6",
  ],
  ["the guide without a provider", guide({ limits: { maxNodes: 3 } }), "autoscaling.provider: is required"],
  [
    "one name for two policies",
    { ...policy({}), ...guide({ policyName: "training", provider: "aws" }) },
    "autoscaling.policyName",
  ],
  [
    "two ways to be scraped",
    { monitoring: { annotations: true, podMonitor: true } },
    "monitoring.annotations",
  ],
  // What belongs together.
  [
    "an object for which there is no right",
    policy({
      nodePools: [{ ...POOL, group: { scale: { apiVersion: "x.example/v1", kind: "Rack", name: "a" } } }],
    }),
    "coordinator.rights.scaleTargets: pool a of policy training",
  ],
  ["a token from nowhere", { nats: { auth: { method: "secret" } } }, "nats.auth.secretName: is required"],
  [
    "a secret that nobody reads",
    { nats: { auth: { secretName: "token" } } },
    "nats.auth.secretName: is not read",
  ],
  ["a certificate from nowhere", { agent: { webConfig: { tls: true } } }, "agent.webConfig.tls"],
  [
    "tokens that anybody may read on the way",
    { agent: { webConfig: { secretName: "web", tokens: true } } },
    "agent.webConfig.tokens: needs agent.webConfig.tls",
  ],
  [
    "a right to read what everybody may read",
    { monitoring: { scrapers: [{ namespace: "monitoring", serviceAccount: "prometheus" }] } },
    "monitoring.scrapers: is of no use without agent.webConfig.tokens",
  ],
];

describe.skipIf(missing !== null)("helm refuses", () => {
  test.concurrent.each(REFUSED)("%s", async (_what, values, said) => {
    expect(await refusal(values)).toContain(said);
  });

  test("values without the images' repository", async () => {
    const said = await helm(["template", "x", CHART]).catch(String);
    expect(said).toMatch(/missing propert.*'image'|missing propert.*'repository'/);
  });

  test("several at once, each in its line", async () => {
    const said = await refusal({
      ...policy({ nodePools: [POOL] }),
      monitoring: { annotations: true, serviceMonitor: true },
    });
    expect(said).toContain("policies.training.nodePools[0].group");
    expect(said).toContain("monitoring.annotations");
  });
});

describe.skipIf(missing !== null)("policies among the values", () => {
  const specOf = async (values: Values, name: string): Promise<unknown> =>
    one(await render([example("minimal")], values), POLICY.kind, name)["spec"];

  test("the guide's keys are the fields of a policy", async () => {
    const { spec } = one(await render([example("eks")]), POLICY.kind, "production");
    expect(spec).toEqual({
      provider: "aws",
      scaleUpThreshold: 0.8,
      scaleUpCooldownSeconds: 180,
      pendingPodTimeoutSeconds: 120,
      scaleDownThreshold: 0.2,
      scaleDownCooldownSeconds: 600,
      minNodes: 0,
      maxNodes: 100,
      enableSpotInstances: true,
      spotInstancePercentage: 0.6,
      spot: { diversify: true },
      enableMultiTierScaling: true,
      onDemandPercentage: 0.35,
      reservedPercentage: 0.05,
      enablePredictiveScaling: false,
      predictive: {
        lookbackDays: 7,
        horizonMinutes: 30,
        confidenceThreshold: 0.7,
        preWarmThreshold: 0.7,
      },
      nodePools: [
        {
          name: "spot-pool",
          minSize: 0,
          maxSize: 50,
          gpuType: "nvidia-tesla-v100",
          instanceTypes: ["p3.2xlarge", "p3.8xlarge"],
          capacityType: "spot",
          priority: 10,
          region: "us-west-2",
          group: { aws: { region: "us-west-2", autoScalingGroup: "gpu-spot-asg" } },
        },
        {
          name: "on-demand-pool",
          minSize: 0,
          maxSize: 30,
          gpuType: "nvidia-tesla-v100",
          instanceTypes: ["p3.2xlarge"],
          capacityType: "on-demand",
          priority: 5,
          region: "us-west-2",
          group: { aws: { region: "us-west-2", autoScalingGroup: "gpu-on-demand-asg" } },
        },
      ],
    });
  });

  test.each(["eks", "gke", "bare-metal"] as const)(
    "those of %s are policies that the coordinator takes",
    async (name) => {
      const policies = (await render([example(name)])).filter(({ kind }) => kind === POLICY.kind);
      expect(policies.length).toBeGreaterThan(0);
      for (const { spec } of policies) expect(parsePolicy(spec)).toMatchObject({ kind: "valid" });
    },
  );

  test("false and 0 survive, and what is left out stays out (F41)", async () => {
    const keys = {
      enabled: false,
      provider: "custom",
      scaleUp: { threshold: 1, cooldown: "0s" },
      scaleDown: { threshold: 0, cooldown: "1h30m" },
      limits: { minNodes: 0 },
      spot: { enabled: false, targetPercentage: 0, diversify: false },
      multiTier: { enabled: false },
    };
    expect(await specOf(guide(keys), "default")).toEqual({
      enabled: false,
      provider: "custom",
      scaleUpThreshold: 1,
      scaleUpCooldownSeconds: 0,
      scaleDownThreshold: 0,
      scaleDownCooldownSeconds: 5_400,
      minNodes: 0,
      enableSpotInstances: false,
      spotInstancePercentage: 0,
      spot: { diversify: false },
      enableMultiTierScaling: false,
    });
  });

  test("a policy by our own fields is rendered as it stands", async () => {
    const spec = {
      provider: "custom",
      enabled: false,
      maxHourlyCostUsd: 0,
      maxGpus: 1_000_000,
      schedules: [
        {
          name: "night",
          timeZone: "Europe/Vienna",
          start: "0 22 * * *",
          durationSeconds: 3_600,
          maxNodes: 0,
        },
      ],
      nodePools: [{ ...POOL, template: { allocatable: { cpu: 4, "nvidia.com/gpu": "8" } } }],
    };
    expect(await specOf({ policies: { own: spec } }, "own")).toEqual(spec);
  });
});
