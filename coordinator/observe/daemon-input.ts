// A DaemonSet as a decision reads it: what one of its pods takes, and which nodes get one. Its own controller makes the
// pods with tolerations that the template does not have; those are added here, so that decisions need not know of them.

import type { DaemonSet, Toleration } from "../../shared/model/kube.ts";
import { NODE_STATE_TAINT, TAINT } from "../../shared/model/names.ts";
import { podRequests } from "../../shared/model/pod.ts";
import type { DaemonInput } from "../decide/snapshot-pod.ts";
import { constraintsOf } from "./constraints.ts";
import { messageOf } from "./fields.ts";
import type { OnProblem } from "./inputs.ts";

/** Null: it brings no pod to a new node, or nobody can read which and what it takes. */
export function daemonInput(daemonSet: DaemonSet, onProblem: OnProblem): DaemonInput | null {
  const { name, namespace = "default", uid, deletionTimestamp } = daemonSet.metadata;
  const key = `${namespace}/${name}`;
  const spec = daemonSet.spec?.template?.spec;
  if (spec === undefined || uid === undefined) {
    onProblem({ kind: "daemonset", name: key, detail: "it has no template or no uid" });
    return null;
  }
  // One that ends makes no more pods, and one whose template names its node makes them nowhere else.
  if (deletionTimestamp !== undefined || spec.nodeName !== undefined) return null;
  const pod = { metadata: { name, namespace }, spec };
  try {
    const { nodeTerms } = constraintsOf(pod);
    return {
      key,
      uid,
      requests: podRequests(pod),
      nodeSelector: spec.nodeSelector ?? {},
      ...(nodeTerms === undefined ? {} : { nodeTerms }),
      tolerations: [...addedTolerations(spec.hostNetwork === true), ...(spec.tolerations ?? [])],
    };
  } catch (error) {
    onProblem({ kind: "daemonset", name: key, detail: `spec.template: ${messageOf(error)}` });
    return null;
  }
}

/** The controller's own list. */
function addedTolerations(onHostNetwork: boolean): readonly Toleration[] {
  const { notReady, unreachable, diskPressure, memoryPressure, pidPressure, networkUnavailable } =
    NODE_STATE_TAINT;
  const passing = [diskPressure, memoryPressure, pidPressure, TAINT.unschedulable];
  return [
    ...[notReady, unreachable].map((key) => ({ key, operator: "Exists", effect: "NoExecute" }) as const),
    ...[...passing, ...(onHostNetwork ? [networkUnavailable] : [])].map(
      (key) => ({ key, operator: "Exists", effect: "NoSchedule" }) as const,
    ),
  ];
}
