// Checks of what stands on nodes: marks that no agent looks after, drains that do not end, cordons of ours that nothing
// accounts for, budgets that let no pod with a GPU go. Each is pure.

import { readDrainRequest, readDrainState } from "../../../../shared/contract/node-marks.ts";
import { parsePolicyStatus } from "../../../../shared/contract/policy/status.ts";
import type { Node, PodDisruptionBudget } from "../../../../shared/model/kube.ts";
import { selects } from "../../../../shared/model/label-selector.ts";
import { NODE_ANNOTATION } from "../../../../shared/model/names.ts";
import { isDaemonPod, isFinished, podRequests } from "../../../../shared/model/pod.ts";
import { gpusIn } from "../../../../shared/model/resources.ts";
import { millis } from "../../../../shared/model/units.ts";
import type { EpochMs } from "../../../../shared/model/units.ts";
import { hashOfRequest } from "../../../act/drain-request.ts";
import { inFlight, moveHash } from "../../../act/moves.ts";
import { retirementOf } from "../../../act/retire.ts";
import { duration } from "../../../report/sentences/words.ts";
import { isDraining, isDrillState } from "../../drill/standing.ts";
import { cordonOwner, leftoversOf } from "../../uninstall/node-leftovers.ts";
import type { Facts } from "../facts.ts";
import { judge, named, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";
import { agentsByNode } from "./agents.ts";

/** Of nodes that are marked and have nobody who would take the marks back. */
export function marks({ nodes, pods, namespace }: Facts): Judgement {
  return judge(nodes, (all) =>
    judge(pods, (list) => {
      const agents = agentsByNode(list, namespace);
      const marked = all.filter((node) => leftoversOf(node).marks.length > 0);
      const alone = marked.filter(({ metadata }) => !agents.has(metadata.name));
      return alone.length === 0
        ? ok("every node that bears marks of ours has an agent that looks after them")
        : warn(
            `marks of ours without an agent that looks after them, on ${named(
              alone.map(({ metadata }) => metadata.name),
              "node",
            )}: ${leftoversOf(alone[0] ?? { metadata: { name: "" } }).marks.join(", ")}`,
            "bring its agent back (see the check agent-coverage); when nothing of ours is to stay, gpuasctl uninstall --dry-run shows all marks",
          );
    }),
  );
}

const DRILL_LONG_MS = 3_600_000;
const LATE_MS = 10 * 60_000;

export function drains({ nodes, now }: Facts): Judgement {
  return judge(nodes, (all) => {
    const long = all.flatMap((node) => longDrain(node, now) ?? []);
    const going = all.filter(({ metadata }) => {
      const mark = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
      return mark.kind === "value" && isDraining(mark.value);
    });
    return long.length === 0
      ? ok(
          going.length === 0
            ? "no node is being emptied"
            : `${going.length} nodes are being emptied, none for longer than it should be`,
        )
      : warn(
          `drains stand for long: ${long.slice(0, 4).join("; ")}`,
          "a drill ends by gpuasctl drill NODE --cancel; pods that stay are named in the node's Events, and budgets by gpuasctl drill NODE --dry-run",
        );
  });
}

function longDrain({ metadata }: Node, now: EpochMs): string | null {
  const mark = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (mark.kind === "malformed") return `${metadata.name}: its drain-state cannot be read (${mark.why})`;
  if (mark.kind === "none" || !isDraining(mark.value)) return null;
  const { cause, source, phase, seenAt, deadline } = mark.value;
  const since = duration(millis(Math.max(0, now - seenAt)));
  if (isDrillState(mark.value))
    return now - seenAt > DRILL_LONG_MS ? `${metadata.name}: a drill since ${since} (${phase})` : null;
  if (now - deadline <= LATE_MS) return null;
  return cause === "notice"
    ? `${metadata.name}: ${source} said that it goes, and it is still here after ${duration(millis(now - deadline))} (${phase})`
    : `${metadata.name}: emptied for the coordinator since ${since} (${phase})`;
}

/** A cordon of ours has a drain, or a move that is under way, behind it. */
export function cordons({ nodes, policies }: Facts): Judgement {
  return judge(nodes, (all) => {
    const moves = new Set(
      orElse(policies, []).flatMap(({ status }) =>
        (parsePolicyStatus(status)?.moves ?? []).filter(inFlight).map(({ key }) => moveHash(key)),
      ),
    );
    const orphans = all.flatMap((node) => orphan(node, policies.kind === "read" ? moves : null) ?? []);
    const unaccounted = all.some(
      ({ metadata, spec }) =>
        retirementOf(spec?.taints) !== null ||
        metadata.annotations?.[NODE_ANNOTATION.drainRequest] !== undefined,
    );
    if (orphans.length === 0 && unaccounted && policies.kind === "failed")
      return unknown(
        `nodes are to go, and whether a move stands behind each is not known: ${policies.why}`,
        policies.way,
      );
    return orphans.length === 0
      ? ok("no cordon or request of ours stands without a reason")
      : warn(
          `cordons or requests that nothing accounts for: ${orphans.slice(0, 4).join("; ")}`,
          "a leader takes its own back within a minute (see the check leader); else kubectl uncordon NODE, once nobody else wants it so",
        );
  });
}

function orphan(node: Node, moves: ReadonlySet<string> | null): string | null {
  const { metadata, spec } = node;
  const retirement = retirementOf(spec?.taints);
  if (retirement !== null && moves !== null && !moves.has(retirement.hash))
    return `${metadata.name}: retired for a move that no policy knows`;
  const request = readDrainRequest(metadata.annotations?.[NODE_ANNOTATION.drainRequest]);
  if (request.kind === "malformed")
    return `${metadata.name}: its drain-request cannot be read (${request.why})`;
  const hash = request.kind === "value" ? hashOfRequest(request.value.id) : null;
  if (hash !== null && moves !== null && !moves.has(hash))
    return `${metadata.name}: to be emptied for a move that no policy knows`;
  return spec?.unschedulable === true && cordonOwner(node) === "unknown"
    ? `${metadata.name}: cordoned, with a taint of ours and no state that says why`
    : null;
}

/** Pods with GPUs that no voluntary drain can ever move. */
export function budgets({ budgets: read, pods }: Facts): Judgement {
  return judge(read, (all) =>
    judge(pods, (list) => {
      const blocking = all.filter(blocksAll).flatMap((budget) => {
        const { namespace, name } = budget.metadata;
        const held = list.filter(
          (pod) =>
            pod.metadata.namespace === namespace &&
            selects(budget.spec?.selector ?? null, pod.metadata.labels) &&
            !isFinished(pod) &&
            !isDaemonPod(pod) &&
            gpusIn(podRequests(pod)) > 0,
        );
        return held.length === 0 ? [] : [`${namespace ?? ""}/${name} holds ${held.length}`];
      });
      return blocking.length === 0
        ? ok("no budget forbids every eviction of pods with GPUs")
        : warn(
            `budgets forbid every eviction of pods with GPUs: ${blocking.slice(0, 4).join("; ")}`,
            "allow one disruption (maxUnavailable: 1, or fewer minAvailable than replicas): such nodes are never idle enough to go, and a real notice deletes what is left",
          );
    }),
  );
}

/** Whatever the pods do: not merely now. */
function blocksAll({ spec, status }: PodDisruptionBudget): boolean {
  const { maxUnavailable, minAvailable } = spec ?? {};
  if (maxUnavailable === 0 || maxUnavailable === "0" || maxUnavailable === "0%") return true;
  if (minAvailable === "100%") return true;
  const expected = status?.expectedPods ?? 0;
  return typeof minAvailable === "number" && expected > 0 && minAvailable >= expected;
}
