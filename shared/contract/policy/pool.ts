// One node pool: what its nodes are, what they cost, how many there may be, and which group sizes it.

import * as z from "zod";

import { CAPACITY_TYPES } from "../../model/node.ts";
import { count, labels, quantity, taint, usd } from "./common.ts";

/** What one node of the pool offers before a real one has been seen. */
const template = z.object({
  allocatable: z.record(z.string(), quantity).meta({
    description:
      "resources of one node, for example cpu, memory, pods, nvidia.com/gpu; whole numbers, or quantities in quotes",
  }),
  labels: labels.default({}),
  taints: z.array(taint).default([]),
});

/** Any object with a scale subresource. A MachineDeployment also gives machines, so a chosen node can go. */
const scaleGroup = z.object({
  apiVersion: z.string().min(1).max(317),
  kind: z.string().min(1).max(63),
  name: z.string().min(1).max(253),
  namespace: z.string().max(63).optional(),
  manageLimits: z.boolean().optional().meta({
    description:
      "of a Karpenter NodePool that follows pods; true: its limits (nodes, and GPUs where one instance type is known) are kept at what maxSize, maxNodes, maxGpus and the caps of schedules allow, never above what they were, and given back when this is no longer true. Leave it out where another tool owns the object. Karpenter counts nodes between its rounds only, so that without a limit of GPUs one round may go above it",
  }),
});

/** An Auto Scaling group, named or found by its tags. An EKS managed node group is one: `eks:nodegroup-name` finds it. */
const awsGroup = z.object({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, "an AWS region, such as us-west-2"),
  autoScalingGroup: z.string().min(1).max(255).optional(),
  tags: z.record(z.string(), z.string()).optional().meta({
    description: "instead of a name: tags that exactly one group of the region carries, all of them",
  }),
});

/** A zonal managed instance group. Each zone of a GKE node pool is one: `gcloud container node-pools describe` lists them. */
const gcpGroup = z.object({
  project: z
    .string()
    .regex(
      /^([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
      "a Google Cloud project ID, such as my-project-1",
    ),
  location: z
    .string()
    .regex(
      /^[a-z]+(-[a-z]+)+\d+-[a-z0-9]+$/,
      "a zone, such as us-central1-a; a regional group picks the zones by itself, so give each zone a group of its own",
    ),
  instanceGroupManager: z
    .string()
    .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, "the name of a managed instance group"),
});

const azureName = z.string().min(1).max(90);

/** A uniform scale set, or a node pool of AKS, which owns the scale set below it and would take changes there back. */
const azureGroup = z.object({
  subscriptionID: z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "the GUID of a subscription"),
  resourceGroup: azureName,
  vmScaleSet: azureName
    .optional()
    .meta({ description: "a uniform scale set of the resource group that nothing else manages" }),
  managedCluster: azureName
    .optional()
    .meta({ description: "instead, with agentPool: the AKS cluster of the resource group" }),
  agentPool: azureName.optional().meta({ description: "the node pool of that cluster" }),
});

/** A group of the simulated cloud (`npm run demo`, replay, tests). It buys nothing and says so in every status. */
const simulatedGroup = z.object({
  url: z
    .url({ protocol: /^https?$/ })
    .meta({ description: "where the simulated cloud listens", pattern: "^https?://" }),
  name: z.string().min(1),
});

const price = z.object({
  usdPerHour: usd("what one node of the pool costs an hour; before the catalogue's figure").optional(),
  maxPricePerHour: usd("a node that costs more, or whose price nobody knows, is not bought").optional(),
});

export const nodePool = z.object({
  name: z
    .string()
    .max(63)
    .regex(
      /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
      "a pool name is a DNS label: lower-case letters, digits and -",
    )
    .meta({ description: "unique in the policy" }),
  minSize: count(0, "nodes that the pool always has"),
  maxSize: count(100, "nodes that the pool has at most"),
  gpuType: z.string().optional().meta({
    description:
      "GPU model of its nodes, by any name of the alias table (A100, nvidia-tesla-v100); for pods that ask for one, for headroom, and checked against what real nodes show",
  }),
  instanceTypes: z.array(z.string()).default([]).meta({
    description:
      "what its machines are; the catalogue then knows resources and price. Of several, the smallest counts, since the group may bring any",
  }),
  capacityType: z.enum(CAPACITY_TYPES).meta({ description: "what its nodes are paid as" }),
  spotPercentage: z.number().min(0).max(1).optional().meta({
    description: "of a group that mixes both: the share of its nodes that counts as spot",
  }),
  priority: z.int32().default(0).meta({
    description:
      "higher first, after price and GPU waste; before them with expander priority. Prices that nobody knows do not compare",
  }),
  labels: labels
    .default({})
    .meta({ description: "labels of its nodes, for pods that select them before a node exists" }),
  taints: z
    .array(taint)
    .default([])
    .meta({ description: "taints of its nodes, that pods have to tolerate before a node exists" }),
  availabilityZones: z
    .array(z.string())
    .default([])
    .meta({ description: "with more than one, the zone of a new node is taken as unknown" }),
  region: z
    .string()
    .optional()
    .meta({ description: "for the price; without it the region of the zones counts" }),
  allowCpuPods: z.boolean().default(false).meta({
    description: "true: pods that ask for no GPU may open nodes of this pool although it has GPUs",
  }),
  price: price.optional(),
  group: z
    .object({
      scale: scaleGroup.optional(),
      aws: awsGroup.optional(),
      gcp: gcpGroup.optional(),
      azure: azureGroup.optional(),
      simulated: simulatedGroup.optional(),
    })
    .optional()
    .meta({ description: "what sizes the pool, exactly one; without it the pool holds" }),
  template: template
    .optional()
    .meta({ description: "what one node offers, as long as no real one has been seen" }),
});

export type NodePoolSpec = z.infer<typeof nodePool>;
export type ScaleGroup = z.infer<typeof scaleGroup>;
export type AwsGroup = z.infer<typeof awsGroup>;
export type GcpGroup = z.infer<typeof gcpGroup>;
export type AzureGroup = z.infer<typeof azureGroup>;
export type SimulatedGroup = z.infer<typeof simulatedGroup>;
export type PoolGroup = NonNullable<NodePoolSpec["group"]>;
