// Checks of agents and GPUs: that each node with GPUs has an agent that speaks, that all are of one version, that the GPUs
// are well and can be asked for by pods. Each is pure.

import { machineOf } from "../../../../shared/model/instance-types.ts";
import { parseInstant } from "../../../../shared/model/instant.ts";
import type { Node, Pod } from "../../../../shared/model/kube.ts";
import {
  GPU_MODEL_LABELS,
  GPU_PRESENCE_LABELS,
  NODE_CONDITION,
  NODE_LABEL,
  SERVICE_ACCOUNT,
  VERSION_LABEL,
} from "../../../../shared/model/names.ts";
import { readiness } from "../../../../shared/model/node.ts";
import { controllerOf } from "../../../../shared/model/pod.ts";
import { gpusIn, parseResources } from "../../../../shared/model/resources.ts";
import { shortened } from "../../../report/sentences/words.ts";
import { AGENT_QUIET_MS } from "../../drill/standing.ts";
import type { Facts } from "../facts.ts";
import { fail, judge, named, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";

const PROVIDERS = ["aws", "gcp", "azure"] as const;

/** By what it offers, how it is labelled, or what machine it is: an agent belongs there. */
export function hasGpus({ metadata: { labels = {} }, status }: Node): boolean {
  if ((labels[NODE_LABEL.os] ?? "linux") !== "linux") return false;
  if (gpusIn(parseResources(status?.capacity)) > 0) return true;
  if ([...GPU_PRESENCE_LABELS, ...GPU_MODEL_LABELS].some((key) => (labels[key] ?? "false") !== "false"))
    return true;
  const type = labels[NODE_LABEL.instanceType] ?? "";
  return PROVIDERS.some((provider) => {
    const found = machineOf(provider, type);
    return found.kind === "known" && found.machine.gpus > 0;
  });
}

/** The agent's pods by node. */
export function agentsByNode(pods: readonly Pod[], namespace: string): ReadonlyMap<string, Pod> {
  const found = new Map<string, Pod>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (
      pod.metadata.namespace !== namespace ||
      owner?.kind !== "DaemonSet" ||
      owner.name !== SERVICE_ACCOUNT.agent
    )
      continue;
    if (pod.spec.nodeName !== undefined && pod.metadata.deletionTimestamp === undefined)
      found.set(pod.spec.nodeName, pod);
  }
  return found;
}

function ageOf({ metadata }: Node | Pod, now: number): number {
  return now - (parseInstant(metadata.creationTimestamp ?? "") ?? now);
}

export function daemonSet({ agents, namespace }: Facts): Judgement {
  return judge(
    agents,
    ({ status }) => {
      const wanted = status?.desiredNumberScheduled ?? 0;
      const ready = status?.numberReady ?? 0;
      const seen = `${ready} of ${wanted} agents are ready`;
      return ready < wanted
        ? warn(
            seen,
            `kubectl describe pods --namespace ${namespace} --selector app.kubernetes.io/component=agent; an agent is not ready while its GPUs or the API server do not answer`,
          )
        : ok(seen);
    },
    () =>
      fail(
        `there is no DaemonSet ${namespace}/${SERVICE_ACCOUNT.agent}: nobody reads GPUs or answers notices`,
        "install it: helm install, see deploy/README.md",
      ),
  );
}

/** A node that has just come has no pods yet. */
const COMING_MS = 5 * 60_000;

export function coverage({ nodes, pods, namespace, now }: Facts): Judgement {
  return judge(nodes, (all) =>
    judge(pods, (list) => {
      const agents = agentsByNode(list, namespace);
      const gpuNodes = all.filter(hasGpus);
      const without = gpuNodes.filter(
        (node) => !agents.has(node.metadata.name) && ageOf(node, now) > COMING_MS,
      );
      if (without.length > 0)
        return fail(
          `no agent runs on ${named(
            without.map(({ metadata }) => metadata.name),
            "node with GPUs",
            "nodes with GPUs",
          )}`,
          "see agent.nodeAffinity and agent.tolerations in the values, and kubectl describe on the DaemonSet; idle times there stay unknown, notices unanswered",
        );
      return gpuNodes.length === 0
        ? ok("no node with GPUs is known here now")
        : ok(`each of ${gpuNodes.length} nodes with GPUs has its agent`);
    }),
  );
}

/** The agent writes its condition half a minute after its start, and each five minutes. */
const FIRST_WORD_MS = 3 * 60_000;

export function reports({ nodes, pods, namespace, now }: Facts): Judgement {
  return judge(nodes, (all) => {
    const agents = agentsByNode(orElse(pods, []), namespace);
    const silent = all.flatMap(({ metadata, status }) => {
      const condition = status?.conditions?.find(({ type }) => type === NODE_CONDITION.gpuHealthy);
      const agent = agents.get(metadata.name);
      if (agent === undefined || ageOf(agent, now) < FIRST_WORD_MS) return [];
      const heard = parseInstant(condition?.lastHeartbeatTime ?? "");
      return heard === null || now - heard > AGENT_QUIET_MS ? [metadata.name] : [];
    });
    if (silent.length > 0)
      return fail(
        `agents run and say nothing on ${named(silent, "node")}: ${NODE_CONDITION.gpuHealthy} is missing or older than ${AGENT_QUIET_MS / 60_000} minutes`,
        `kubectl logs of the agent's pod there, and its rights (see the check agent-rights)`,
      );
    return pods.kind === "read"
      ? ok(`every agent writes its condition as it should (${agents.size} of them)`)
      : judge(pods, () => ok(""));
  });
}

export function gpus({ nodes }: Facts): Judgement {
  return judge(nodes, (all) => {
    const told = all.flatMap(({ metadata, status }) => {
      const condition = status?.conditions?.find(({ type }) => type === NODE_CONDITION.gpuHealthy);
      return condition === undefined ? [] : [{ name: metadata.name, condition }];
    });
    if (told.length === 0 && all.some(hasGpus))
      return unknown(
        `no agent has said how any GPU is: no node has the condition ${NODE_CONDITION.gpuHealthy}`,
        "see the checks agents and agent-coverage",
      );
    const ill = told.filter(({ condition }) => condition.status === "False");
    const unheard = told.filter(
      ({ condition }) => condition.status !== "False" && condition.status !== "True",
    );
    const words = (of: typeof told): string =>
      of
        .slice(0, 3)
        .map(({ name, condition }) => `${name}: ${shortened(condition.message ?? "", 200)}`)
        .join("; ");
    if (ill.length > 0)
      return fail(
        `GPUs of ${named(
          ill.map(({ name }) => name),
          "node",
        )} are not fit for work: ${words(ill)}`,
        "the message names the remedy; agent/README.md has all rules",
      );
    return unheard.length > 0
      ? warn(
          `GPUs of ${named(
            unheard.map(({ name }) => name),
            "node",
          )} cannot be read, which is not idle: ${words(unheard)}`,
          "in the agent's pod: kubectl exec POD -- /nodejs/bin/node /app/agent.js inspect says what of driver, library and device files is missing",
        )
      : ok(`GPUs of ${told.length} nodes are read, and nothing is known to be wrong with them`);
  });
}

export function versions({ pods, namespace, agents, coordinator }: Facts): Judgement {
  return judge(pods, (list) => {
    const images = new Set(
      [...agentsByNode(list, namespace).values()].flatMap(({ spec }) => spec.containers[0]?.image ?? []),
    );
    if (images.size > 1)
      return warn(
        `agents of ${images.size} versions run: ${[...images].sort().join(", ")}`,
        "an update is under way, or stands still: kubectl rollout status of the DaemonSet says which",
      );
    const said = [agents, coordinator].flatMap((each) =>
      each.kind === "read" ? [each.value.metadata.labels?.[VERSION_LABEL] ?? "unknown"] : [],
    );
    if (said.length === 0 && images.size === 0)
      return unknown(
        "no program of ours can be seen, so its version is not known",
        "see the checks agents and coordinator",
      );
    return new Set(said).size > 1
      ? warn(
          `agents are of version ${said[0] ?? ""}, the coordinator of ${said[1] ?? ""}`,
          "helm upgrade puts both to one version",
        )
      : ok(`agents and coordinator are of one version${said[0] === undefined ? "" : `, ${said[0]}`}`);
  });
}

export function devicePlugin({ nodes, slices, now }: Facts): Judgement {
  return judge(nodes, (all) => {
    const byClaims = new Set(
      orElse(slices, []).flatMap(({ spec }) =>
        spec?.driver?.includes("gpu") === true ? (spec.nodeName ?? []) : [],
      ),
    );
    const gpuNodes = all.filter((node) => hasGpus(node) && readiness(node) === "ready");
    const without = gpuNodes.filter(
      (node) =>
        gpusIn(parseResources(node.status?.allocatable)) === 0 &&
        !byClaims.has(node.metadata.name) &&
        ageOf(node, now) > COMING_MS,
    );
    if (without.length > 0)
      return fail(
        `no pod can ask for the GPUs of ${named(
          without.map(({ metadata }) => metadata.name),
          "node",
        )}: no device plugin offers them`,
        "install the GPU operator or the device plugin there; where it is installed, the logs of its pod say why it offers none",
      );
    return gpuNodes.length === 0
      ? ok("no node with GPUs is ready here now")
      : ok(`pods can ask for the GPUs of all ${gpuNodes.length} nodes that have some`);
  });
}
