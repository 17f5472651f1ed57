// PodGroups and JobSets, as far as they say how many pods have to run together. The kinds belong to other projects
// and are there in some clusters only, so they are looked for and watched where they are; a cluster without them, or
// without the right to read them, lacks nothing.

import type { KubeObject } from "../../shared/model/kube.ts";
import { GANG_KIND } from "../../shared/model/names.ts";
import type { Discovery } from "../../shared/runtime/kube/resources.ts";
import { createOptionalWatch } from "./optional.ts";
import type { OptionalWatch } from "./optional.ts";
import { createNews } from "./watched.ts";
import type { WatchDeps } from "./watched.ts";

export type GangKind = keyof typeof GANG_KIND;

export interface GangObjects {
  readonly watches: readonly OptionalWatch[];
  /** Rises with every change of what is answered. */
  readonly revision: number;
  /** Null: there is no such object, or it does not say. */
  minimum(kind: GangKind, namespace: string, name: string): number | null;
}

/** What is kept of one. */
interface GangObject extends KubeObject {
  readonly minimum: number | null;
}

export function createGangObjects(options: {
  readonly watch: WatchDeps;
  readonly discover: Discovery;
  readonly onChange: () => void;
}): GangObjects {
  let revision = 0;
  const watchOf = (kind: GangKind) => {
    const isNews = createNews<GangObject>(({ minimum }) => [minimum]);
    return createOptionalWatch<GangObject>({
      ...options,
      kind: GANG_KIND[kind],
      keep: ({ metadata: { name, namespace = "default" }, spec, status }) => ({
        metadata: { name, namespace },
        minimum: kind === "jobSet" ? minimumOfJobSet(spec, status) : minimumOfPodGroup(spec),
      }),
      onEvent: (event) => {
        if (!isNews(event)) return;
        revision++;
        options.onChange();
      },
    });
  };
  const watches = {
    podGroup: watchOf("podGroup"),
    volcanoPodGroup: watchOf("volcanoPodGroup"),
    jobSet: watchOf("jobSet"),
  } as const satisfies Record<GangKind, unknown>;

  return {
    watches: Object.values(watches),
    get revision() {
      return revision;
    },
    minimum: (kind, namespace, name) => watches[kind].get({ namespace, name })?.minimum ?? null,
  };
}

/** Both projects take a group without a number for one of one pod. */
export function minimumOfPodGroup(spec: unknown): number | null {
  return fieldOf(spec, "minMember") === undefined ? 1 : countOf(fieldOf(spec, "minMember"));
}

/**
 * All pods of all jobs that have not succeeded. Null where the jobs begin one after another: then they are never
 * there together, and nobody says how many of them have to be.
 */
export function minimumOfJobSet(spec: unknown, status: unknown): number | null {
  const order = fieldOf(fieldOf(spec, "startupPolicy"), "startupPolicyOrder");
  const jobs = fieldOf(spec, "replicatedJobs");
  if (order === "InOrder" || !Array.isArray(jobs)) return null;
  const succeeded = succeededJobs(status);
  let minimum = 0;
  for (const job of jobs as readonly unknown[]) {
    const template = fieldOf(fieldOf(job, "template"), "spec");
    const replicas = countOf(fieldOf(job, "replicas") ?? 1);
    const parallelism = countOf(fieldOf(template, "parallelism") ?? 1);
    const completions = countOf(fieldOf(template, "completions") ?? parallelism);
    const isLate = listOf(fieldOf(job, "dependsOn")).length > 0;
    if (isLate || replicas === null || parallelism === null || completions === null) return null;
    const left = Math.max(0, replicas - (succeeded.get(fieldOf(job, "name")) ?? 0));
    minimum += left * Math.min(parallelism, completions);
  }
  return minimum;
}

function succeededJobs(status: unknown): ReadonlyMap<unknown, number> {
  return new Map(
    listOf(fieldOf(status, "replicatedJobsStatus")).map((job) => [
      fieldOf(job, "name"),
      countOf(fieldOf(job, "succeeded")) ?? 0,
    ]),
  );
}

function fieldOf(object: unknown, field: string): unknown {
  return typeof object === "object" && object !== null
    ? (object as Readonly<Record<string, unknown>>)[field]
    : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
