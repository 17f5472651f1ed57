// The small file that ties a replay's inputs together, in YAML or JSON: which files there are, what they are of, how long
// things take. It says in full what cannot be read from a file; a field that is unknown or misspelt is refused. Paths are
// relative to the file itself.

import { parseDocument } from "yaml";
import * as z from "zod";

import { behavior } from "../../../shared/contract/policy/growth.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import { CAPACITY_TYPES } from "../../../shared/model/node.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { parseDuration } from "../../../shared/runtime/settings-values.ts";
import { lineOf } from "./yaml-line.ts";

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  context.addIssue({
    code: "custom",
    message: "a duration with its unit is needed, such as 240s, 30m or 7d",
  });
  return z.NEVER;
});
const span = z.union([
  duration,
  z
    .tuple([duration, duration])
    .refine(([shortest, longest]) => shortest <= longest, "the shorter one comes first"),
]);
const instant = z.string().transform((text, context): EpochMs => {
  const at = parseInstant(text);
  if (at !== null) return at;
  context.addIssue({
    code: "custom",
    message: "an instant with its time zone is needed, such as 2026-03-02T00:00:00+01:00, in quotes",
  });
  return z.NEVER;
});
const name = z.string().min(1);
const count = z.int().min(0);

const place = { instanceType: name, zone: name, tier: z.enum(CAPACITY_TYPES) };

const service = z
  .strictObject({
    name,
    /** A series of load, or requests one by one. */
    file: name,
    kind: z.enum(["Series", "Requests"]),
    column: name,
    gaps: z.enum(["Refuse", "Hold"]).default("Refuse"),
    perReplica: z.number().positive(),
    minReplicas: count,
    maxReplicas: z.int().min(1),
    behavior: behavior.optional(),
    gpusPerReplica: z.int().min(1),
    gpuTypes: z.array(name).min(1).optional(),
  })
  .refine(({ minReplicas, maxReplicas }) => minReplicas <= maxReplicas, {
    path: ["minReplicas"],
    message: "is more than maxReplicas",
  });

const pool = z.strictObject({
  provider: z.enum(["aws", "gcp", "azure"]).optional(),
  region: name.optional(),
  zones: z.array(name).min(1).optional(),
  instanceType: name.optional(),
  initial: count.optional(),
  committed: count.optional(),
});

const scenarioFile = z.strictObject({
  name: name.optional(),
  seed: z.int().min(0).optional(),
  /** Wall clock of the workload's instant 0. */
  start: instant.optional(),
  /** The window that is played, on the workload's clock. */
  from: duration.optional(),
  length: duration.optional(),
  warmIn: duration.optional(),
  drain: duration.optional(),
  policy: name.optional(),
  jobs: name.optional(),
  /** The file's word for a kind of GPU → a model of the alias table. */
  gpuTypes: z.record(name, name).default({}),
  services: z.array(service).default([]),
  /** Steps of replicas that stand in a file already. */
  replicas: name.optional(),
  capacity: z
    .array(
      z.strictObject({
        file: name,
        trace: name,
        ...place,
        /** AllOrNothing: while any can be had, any number can. */
        depth: z.enum(["AsWritten", "AllOrNothing"]).default("AsWritten"),
        /** So many machines for each of the trace's. */
        times: z.number().positive().default(1),
      }),
    )
    .default([]),
  /** Where the traces of capacity end; left out: at the last step of the one that ends first. */
  capacityLength: duration.optional(),
  /** One file or several. */
  prices: z.union([name, z.array(name)]).optional(),
  /** Wall clock of second 0 of capacity and prices; left out: where the window begins. */
  marketStart: instant.optional(),
  /** How long the last price of a spot history is taken to hold. */
  pricesHold: duration.optional(),
  pools: z.record(name, pool).default({}),
  times: z
    .strictObject({
      nodeReady: span.optional(),
      jobStart: duration.optional(),
      serviceStart: span.optional(),
      notice: duration.optional(),
      handlesNotices: z.boolean().optional(),
      checkpointEvery: z.union([duration, z.literal("never")]).optional(),
      checkpointTakes: duration.optional(),
      restart: duration.optional(),
      launchRetry: duration.optional(),
    })
    .default({}),
});

export type ScenarioFile = z.infer<typeof scenarioFile>;
export type TimesWritten = ScenarioFile["times"];
export type ServiceWritten = ScenarioFile["services"][number];
export type CapacityWritten = ScenarioFile["capacity"][number];

export const NO_SCENARIO: ScenarioFile = scenarioFile.parse({});

/** @throws AppError bad-input that names every field that is wrong, its value and the way out. */
export function readScenarioFile(text: string, file: string): ScenarioFile {
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined)
    throw new AppError("bad-input", `${file}, line ${error.linePos?.[0].line ?? "?"}: ${error.message}`);
  const value: unknown = document.toJS();
  const parsed = scenarioFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const line = lineOf(document, issue.path, text);
    const written = issue.path.reduce<unknown>(
      (at, key) => (at as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key],
      value,
    );
    const known = issue.code === "unrecognized_keys" ? "; known fields stand in deploy/docs/replay.md" : "";
    return `${file}${line === null ? "" : `, line ${line}`}, ${issue.path.join(".") || "scenario"}: ${JSON.stringify(written)?.slice(0, 80) ?? "nothing"}: ${issue.message}${known}`;
  });
  throw new AppError("bad-input", problems.join("\n"));
}
