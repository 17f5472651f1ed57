// `gpuasctl doctor gpu`, `metrics` and `clouds`: a few checks each, and beneath them what they were judged by, one row for a
// node, a page or a call. Pure. What is not known has a dash, never a 0.

import { parseInstant } from "../../../shared/model/instant.ts";
import { NODE_CONDITION } from "../../../shared/model/names.ts";
import { readiness } from "../../../shared/model/node.ts";
import { gpusIn, parseResources } from "../../../shared/model/resources.ts";
import { millis } from "../../../shared/model/units.ts";
import { duration, shortened } from "../../report/sentences/words.ts";
import type { CHECKS } from "./checks.ts";
import { agentsByNode, hasGpus } from "./checks/agents.ts";
import { seriesIn } from "./checks/metrics.ts";
import type { Facts } from "./facts.ts";
import { orElse } from "./finding.ts";
import type { Read } from "./finding.ts";
import { SHIPPED } from "./shipped.ts";

export const TOPICS = ["gpu", "metrics", "clouds"] as const;
export type Topic = (typeof TOPICS)[number];

/** A row's fields in the order of their columns. */
export type Row = Readonly<Record<string, string>>;

interface TopicPart {
  readonly checks: readonly (keyof typeof CHECKS)[];
  readonly rows: (facts: Facts) => readonly Row[];
}

const LONGEST = 160;
const NOTHING = "-";

export const TOPIC_PARTS: Readonly<Record<Topic, TopicPart>> = {
  gpu: {
    checks: ["agents", "agent-coverage", "agent-reports", "gpus", "versions", "device-plugin"],
    rows: nodeRows,
  },
  metrics: { checks: ["coordinator-metrics", "agent-metrics"], rows: pageRows },
  clouds: { checks: ["policy-groups", "cloud-rights", "scaling"], rows: callRows },
};

/** Every node with GPUs, or with an agent. */
function nodeRows({ nodes, pods, namespace, now }: Facts): readonly Row[] {
  const agents = agentsByNode(orElse(pods, []), namespace);
  return orElse(nodes, [])
    .filter((node) => hasGpus(node) || agents.has(node.metadata.name))
    .map((node): Row => {
      const { metadata, status } = node;
      const condition = status?.conditions?.find(({ type }) => type === NODE_CONDITION.gpuHealthy);
      const heard = parseInstant(condition?.lastHeartbeatTime ?? "");
      const agent = agents.get(metadata.name);
      return {
        node: metadata.name,
        ready: readiness(node),
        "GPUs there":
          status?.capacity === undefined ? NOTHING : String(gpusIn(parseResources(status.capacity))),
        "for pods":
          status?.allocatable === undefined ? NOTHING : String(gpusIn(parseResources(status.allocatable))),
        agent:
          pods.kind === "read" ? (agent?.status?.phase ?? (agent === undefined ? "none" : NOTHING)) : NOTHING,
        healthy: condition?.status ?? NOTHING,
        heard: heard === null ? NOTHING : `${duration(millis(Math.max(0, now - heard)))} ago`,
        says: shortened(condition?.message ?? NOTHING, LONGEST),
      };
    });
}

function pageRows({ coordinatorMetrics, agentMetrics }: Facts): readonly Row[] {
  const row = (page: string, program: "agent" | "coordinator", text: Read<string>): Row => {
    if (text.kind !== "read")
      return { page, series: NOTHING, "asked for": NOTHING, lacking: shortened(text.why, LONGEST) };
    const served = seriesIn(text.value);
    const queried = SHIPPED.queried[program];
    const lacking = Object.keys(queried).filter((name) => !served.has(name));
    return {
      page,
      series: String(served.size),
      "asked for": String(Object.keys(queried).length),
      lacking: lacking.length === 0 ? "none" : lacking.join(", "),
    };
  };
  return [
    row("coordinator", "coordinator", coordinatorMetrics),
    ...orElse(agentMetrics, []).map(({ node, text }) => row(`agent on ${node}`, "agent", text)),
  ];
}

function callRows({ cloudRights }: Facts): readonly Row[] {
  return orElse(cloudRights, { accounts: [] }).accounts.flatMap(
    ({ account, answers, problem = "" }): readonly Row[] =>
      answers === null
        ? [{ account, call: NOTHING, outcome: "unknown", why: shortened(problem, LONGEST) }]
        : answers.map(({ call, outcome, detail = NOTHING }) => ({
            account,
            call,
            outcome,
            why: shortened(detail, LONGEST),
          })),
  );
}
