// `npm run generate`: writes the reference pages from the tables in the code. With --check it writes nothing and
// fails when a page on disk is not what would be written, so that code and pages cannot part.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { DCGM_FIELDS } from "../agent/publish/metrics/dcgm-fields.ts";
import { DCGM_NOT_SERVED } from "../agent/publish/metrics/dcgm-not-served.ts";
import { DCGM_SERIES_LABELS } from "../agent/publish/metrics/dcgm.ts";
import type { Family } from "../agent/publish/metrics/family.ts";
import { GUIDE_FAMILIES } from "../agent/publish/metrics/guide.ts";
import { HEALTH_FAMILIES } from "../agent/publish/metrics/health.ts";
import { MORE_FAMILIES, MIG_FAMILIES, READING_FAMILIES } from "../agent/publish/metrics/native-families.ts";
import { NODE_FAMILIES } from "../agent/publish/metrics/node-figures.ts";
import { AGENT_METRICS } from "../agent/publish/metrics/own.ts";
import { AGENT_SETTINGS } from "../agent/settings.ts";
import { sentence } from "../coordinator/report/explain.ts";
import { COORDINATOR_METRICS } from "../coordinator/report/metrics.ts";
import { COORDINATOR_SETTINGS } from "../coordinator/settings.ts";
import { policySpecSchema } from "../shared/contract/policy.ts";
import type { MachineTable } from "../shared/model/instance-types.ts";
import { REASON_SEVERITY } from "../shared/model/reasons.ts";
import type { Reason, ReasonCode } from "../shared/model/reasons.ts";
import { metricsTable } from "../shared/runtime/metrics.ts";
import { settingsTable } from "../shared/runtime/settings.ts";
import { admissionFiles } from "./admission/admission.ts";
import { alertsPage } from "./alerts/page.ts";
import { alertFiles, alertGroups } from "./alerts/rules.ts";
import { instancesPage } from "./catalogue-page.ts";
import { catalogueOf, catalogueText } from "./catalogue.ts";
import { chartFiles } from "./chart/source/chart.ts";
import { policyDefinitionText, writtenSchema } from "./crd/crd.ts";
import { dashboardFiles } from "./dashboards/dashboards.ts";
import { metricsPage, policyPage, reasonsOf, reasonsPage, settingsPage } from "./reference.ts";
import type { JsonSchema } from "./reference.ts";
import { REQUIREMENT_IDS } from "./requirement-ids.ts";
import { shippedText } from "./shipped.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Values that stand in the example sentences, by the type that the union gives a field. */
const EXAMPLES: Readonly<Record<string, unknown>> = {
  RivalKind: "cluster-autoscaler",
  RivalStops: "everything",
  number: 3,
  Ratio: 0.42,
  Millis: 90_000,
  EpochMs: Date.UTC(2026, 0, 31, 12),
  Scope: "pool",
  NoticeSource: "aws",
};

/** What stands in them for texts, by the name of the field; of others the name itself stands there. */
const NAMED_EXAMPLES: Readonly<Record<string, string>> = {
  node: "gpu-7",
  pod: "team-a/train-0",
  pool: "gpus/spot-a",
  gang: "JobSet team-a/train",
  schedule: "office-hours",
  resource: "nvidia.com/gpu",
  profile: "1g.10gb",
  label: "node.kubernetes.io/instance-type",
  taint: "gpu=true:NoSchedule",
  offering: "p4d.24xlarge|us-west-2a|spot",
  tier: "spot",
  only: "on-demand",
  disruption: "Idle",
  claim: "data",
};

/** Path → text of every generated file. */
export async function generated(): Promise<Readonly<Record<string, string>>> {
  const reasons = reasonsOf(await readFile(join(ROOT, "shared/model/reasons.ts"), "utf8"));
  const catalogue = catalogueOf(await readFile(join(ROOT, "deploy/catalogue/gpu_instances.csv"), "utf8"));
  return {
    "shared/model/instance-types.json": catalogueText(catalogue),
    "deploy/reference/instances.md": instancesPage(catalogue),
    "deploy/reference/settings.md": settingsPage([
      { title: "Agent", rows: settingsTable(AGENT_SETTINGS) },
      { title: "Coordinator", rows: settingsTable(COORDINATOR_SETTINGS) },
    ]),
    "deploy/reference/metrics.md": metricsPage(
      [
        { title: "Agent", rows: metricsTable(AGENT_METRICS) },
        {
          title: "Health of GPUs",
          note: "Served whatever families are asked for.",
          rows: HEALTH_FAMILIES.filter(isOfGpu),
        },
        {
          title: "The node's GPUs together",
          note: "Served whatever families are asked for.",
          rows: [...NODE_FAMILIES, ...HEALTH_FAMILIES.filter((family) => !isOfGpu(family))],
        },
        {
          title: "Readings of GPUs (family `native`)",
          note: "In base units. Energy, errors, links and the like are read with the slow group; names with `gpm` are the GPU's own counters, on Hopper and newer.",
          rows: READING_FAMILIES,
        },
        { title: "Readings of MIG instances (family `native`)", rows: MIG_FAMILIES },
        {
          title: "What else is known of GPUs (family `native`)",
          note: "Joined by `node`, `gpu` and `uuid`. A scraper that does not honour labels renames `namespace`, `pod` and `container` to `exported_namespace` and so on.",
          rows: MORE_FAMILIES,
        },
        {
          title: "Names of guides (family `guide`)",
          note: "In the units that the names say, for rules that were written against them.",
          rows: GUIDE_FAMILIES,
        },
        {
          title: "Names of dcgm-exporter (family `dcgm`)",
          note: "Off unless asked for. Without a list of counters those of dcgm-exporter's default list are served, marked here; a list in its CSV format chooses others, and gives them its own types and help texts. In the OpenMetrics format its counters are of unknown type, since counters there have to end in `_total`. A GPU that is cut shows its GPU instances; a GPU that several pods share has one series for each.",
          rows: DCGM_FIELDS.map(({ name, type, help, standard }) => ({
            name,
            type,
            help: `${help}${standard ? " (default)" : ""}`,
            labels: DCGM_SERIES_LABELS,
          })),
        },
        { title: "Coordinator", rows: metricsTable(COORDINATOR_METRICS) },
      ],
      DCGM_NOT_SERVED,
    ),
    "deploy/reference/reasons.md": reasonsPage(
      reasons.map(({ group, code, fields }) => ({
        group,
        code,
        // The union and the table of severities have the same codes: the compiler holds that.
        severity: REASON_SEVERITY[code as ReasonCode],
        fields: Object.keys(fields),
        example: sentence(exampleOf(code, fields)),
        answers: REQUIREMENT_IDS[code as ReasonCode] ?? [],
      })),
    ),
    // zod's type for a schema is wider than what it writes.
    "deploy/reference/policy.md": policyPage(writtenSchema(policySpecSchema) as JsonSchema),
    "deploy/crd/autoscalingpolicies.yaml": policyDefinitionText(),
    ...admissionFiles(),
    "coordinator/ctl/doctor/shipped.json": shippedText(),
    ...dashboardFiles(),
    ...alertFiles(),
    "deploy/reference/alerts.md": alertsPage(alertGroups()),
    ...chartFiles(gpuMachines(catalogue)),
  };
}

/** Names of machines with GPUs, of every cloud. */
function gpuMachines({ machines }: MachineTable): readonly string[] {
  const named = Object.values(machines).flatMap((ofCloud) => Object.entries(ofCloud));
  return named.flatMap(([name, { gpus }]) => (gpus > 0 ? [name] : [])).toSorted();
}

function isOfGpu({ labels }: Family): boolean {
  return Object.hasOwn(labels, "gpu");
}

/** Files on disk that are not what would be written. */
export async function outdated(
  files: Readonly<Record<string, string>>,
  root: string = ROOT,
): Promise<readonly string[]> {
  const differs = Object.entries(files).map(async ([path, text]) => {
    const onDisk = await readFile(join(root, path), "utf8").catch(() => null);
    return onDisk === text ? [] : [path];
  });
  return (await Promise.all(differs)).flat();
}

function exampleOf(code: string, fields: Readonly<Record<string, string>>): Reason {
  const values = Object.entries(fields).map(([name, type]) => [name, exampleValue(name, type)]);
  // Each field has a value of the type that its source names.
  return { code, ...(Object.fromEntries(values) as object) } as Reason;
}

function exampleValue(name: string, type: string): unknown {
  if (type.startsWith("readonly ")) return [exampleValue(name, type.slice("readonly ".length, -2))];
  const literal = /^"([^"]+)"/.exec(type)?.[1];
  return literal ?? EXAMPLES[type] ?? NAMED_EXAMPLES[name] ?? `⟨${name}⟩`;
}

if (import.meta.main) {
  const files = await generated();
  const old = await outdated(files);
  if (process.argv.includes("--check")) {
    for (const path of old) console.error(`${path} is not what the code says; run: npm run generate`);
    process.exitCode = old.length > 0 ? 1 : 0;
  } else {
    for (const path of old) {
      await mkdir(dirname(join(ROOT, path)), { recursive: true });
      await writeFile(join(ROOT, path), files[path] ?? "");
      console.log(`wrote ${path}`);
    }
  }
}
