// Checks of what our programs serve to Prometheus: that their pages can be read, and have every series that the dashboards
// and alerts of this version ask for. Whether a Prometheus reads them is seen there. Each is pure.

import type { AgentPage, Facts } from "../facts.ts";
import { fail, judge, named, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";
import { environmentOf } from "../kinds.ts";
import { SHIPPED } from "../shipped.ts";
import { hasGpus } from "./agents.ts";

const OTHER_VERSION =
  "helm upgrade brings programs, dashboards and alerts to one version; agent.settings.metricNames must hold native";

export function coordinatorMetrics({ coordinatorMetrics: read }: Facts): Judgement {
  return judge(
    read,
    (text) => {
      const served = seriesIn(text);
      const lacking = lackingIn(served, SHIPPED.queried.coordinator);
      if (served.size === 0) return fail("the coordinator's page of metrics has none", OTHER_VERSION);
      return lacking.length === 0
        ? ok("the coordinator serves every series that dashboards and alerts ask of it")
        : warn(
            `the coordinator serves none of ${placed(lacking, SHIPPED.queried.coordinator)}`,
            OTHER_VERSION,
          );
    },
    (why) => unknown(why, "see the check coordinator"),
  );
}

export function agentMetrics({ agentMetrics: read, nodes: all, namespace, agents }: Facts): Judgement {
  return judge(
    read,
    (pages) => {
      if (pages.length === 0)
        return all.kind === "read" && !all.value.some(hasGpus)
          ? ok("no node with GPUs is known here now, and no agent runs")
          : unknown("no agent runs that could be asked", "see the checks agents and agent-coverage");
      const heard = pages.flatMap(({ node, text }) =>
        text.kind === "read" ? [{ node, served: seriesIn(text.value), text: text.value }] : [],
      );
      const asksWho = environmentOf(orElse(agents, null))["GPUAS_METRICS_TOKENS"] === "true";
      if (heard.length === 0) return asksWho ? guarded(pages, namespace) : unheard(pages, namespace);
      const nodes = heard.map(({ node }) => node);
      const everywhere = (name: string): boolean => heard.every(({ served }) => served.has(name));
      const lacking = Object.keys(SHIPPED.queried.agent).filter((name) => !everywhere(name));
      // What a GPU cannot tell, as most of them of MIG, its agent leaves out.
      const programs = lacking.filter((name) => !GPU_SERIES.test(name));
      if (programs.length > 0)
        return warn(
          `agents of ${named(nodes, "node")} serve none of ${placed(programs, SHIPPED.queried.agent)}`,
          OTHER_VERSION,
        );
      const blind = heard.filter(({ text }) => !hasSample(text, USE));
      if (blind.length > 0)
        return warn(
          `no use of a GPU is on the page of ${named(
            blind.map(({ node }) => node),
            "agent",
          )}`,
          "GPUs that are cut by MIG tell none as a whole; else see the check gpus and kubectl exec POD -- /nodejs/bin/node /app/agent.js inspect",
        );
      const rest =
        lacking.length === 0 ? "" : `; these GPUs do not tell ${named(lacking, "series", "series")}`;
      return ok(`agents of ${named(nodes, "node")} serve what dashboards and alerts ask of them${rest}`);
    },
    (why) => unknown(why, "see the check agents"),
  );
}

/** The first that every GPU has, and that a person looks for. */
const USE = "gpu_autoscaler_gpu_utilization_ratio";
const GPU_SERIES = /^gpu_autoscaler_(?:gpu|mig)_/;

/** The API server's proxy keeps the token of whoever types to itself, so that no right of his lets him read the page. */
function guarded(pages: readonly AgentPage[], namespace: string): Judgement {
  const [first] = pages;
  return unknown(
    `agents ask who reads their metrics (agent.webConfig.tokens), and the API server's proxy shows them no token, so that ${named(
      pages.map(({ node }) => node),
      "page",
    )} cannot be read from here`,
    `look at Prometheus's page of targets, or as it does: kubectl -n ${namespace} port-forward POD 9402 of the agent on ${first?.node ?? "a node"}, then curl --insecure https://localhost:9402/metrics with "Authorization: Bearer TOKEN", TOKEN by kubectl create token of an account that may get it (ClusterRole gpu-autoscaler-metrics-reader)`,
  );
}

function unheard(pages: readonly AgentPage[], namespace: string): Judgement {
  const whys = pages.flatMap(({ text }) => (text.kind === "read" ? [] : [text.why]));
  const isGuarded = whys.some((why) => /\b40[13]\b/.test(why));
  const nodes = named(
    pages.map(({ node }) => node),
    "node",
  );
  return unknown(
    `the page of metrics of agents on ${nodes} cannot be read: ${whys[0] ?? ""}`,
    isGuarded
      ? "agents that ask who reads them tell only Prometheus: look at its page of targets; else you need get pods/proxy"
      : `let the API server in to port metrics of the agents in ${namespace} (firewall of the nodes), or look by kubectl port-forward`,
  );
}

function lackingIn(
  served: ReadonlySet<string>,
  queried: Readonly<Record<string, string>>,
): readonly string[] {
  return Object.keys(queried).filter((name) => !served.has(name));
}

function placed(names: readonly string[], queried: Readonly<Record<string, string>>): string {
  const [first = ""] = names;
  return `${named(names, "series", "series")}, such as for the ${queried[first] ?? ""}`;
}

const HEAD = /^# TYPE (\S+) (\S+)/gm;

/** Series that a page has, or has the head of: a counter of what has not happened yet is there without a number. */
export function seriesIn(page: string): ReadonlySet<string> {
  return new Set(
    [...page.matchAll(HEAD)].flatMap(([, name = "", type = ""]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

function hasSample(page: string, name: string): boolean {
  return new RegExp(`^${name}[ {]`, "m").test(page);
}
