// Checks of what we stand on: the API server's version, the definition of policies, the namespace, clocks, certificates.
// Each is pure.

import { parseInstant } from "../../../../shared/model/instant.ts";
import { API_VERSION, POD_SECURITY_LABEL } from "../../../../shared/model/names.ts";
import { millis } from "../../../../shared/model/units.ts";
import { duration, moment } from "../../../report/sentences/words.ts";
import type { Facts } from "../facts.ts";
import { fail, judge, named, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";
import { fingerprint } from "../fingerprint.ts";
import { SHIPPED } from "../shipped.ts";

/** Bound tokens name their node, and ValidatingAdmissionPolicy is stable, from here on. */
const OLDEST_MINOR = 30;

export function apiVersion({ version }: Pick<Facts, "version">): Judgement {
  return judge(version, ({ major, minor, gitVersion }) => {
    // Managed clusters write "30+".
    const number = Number.parseInt(minor, 10);
    return Number(major) === 1 && number < OLDEST_MINOR
      ? fail(
          `the API server is ${gitVersion}`,
          `upgrade the cluster to 1.${OLDEST_MINOR} or newer: older ones know neither tokens that name their node nor admission policies`,
        )
      : ok(`the API server answers and is ${gitVersion}`);
  });
}

export function definition({ definition: read }: Facts): Judgement {
  const way =
    "apply the file of this version (helm never changes a definition that is there): kubectl apply --server-side --force-conflicts -f deploy/crd/autoscalingpolicies.yaml";
  return judge(
    read,
    ({ spec, status }) => {
      const established = status?.conditions?.find(({ type }) => type === "Established");
      if (established?.status !== "True")
        return fail(
          `the definition of AutoscalingPolicy is there and not established: ${established?.message ?? "nobody has said why"}`,
          "kubectl describe crd autoscalingpolicies.gpu-autoscaler.io says what is wrong with its names",
        );
      const served = spec?.versions?.find(({ name }) => name === API_VERSION);
      if (served?.served !== true) return fail(`the definition does not serve ${API_VERSION}`, way);
      return fingerprint(served.schema) === SHIPPED.definition
        ? ok("the definition of AutoscalingPolicy is established and is that of this version")
        : warn("the definition of AutoscalingPolicy is of another version than this gpuasctl", way);
    },
    () => fail("there is no definition of AutoscalingPolicy", way),
  );
}

export function podSecurity({ space, namespace }: Facts): Judgement {
  return judge(
    space,
    ({ metadata }) => {
      const level = metadata.labels?.[POD_SECURITY_LABEL];
      return level === "restricted" || level === "baseline"
        ? fail(
            `namespace ${namespace} holds its pods to "${level}", and agents need the node's network and folders of it: no agent can start`,
            `kubectl label namespace ${namespace} ${POD_SECURITY_LABEL}=privileged --overwrite`,
          )
        : ok(
            `namespace ${namespace} ${level === undefined ? "sets no Pod Security level" : `is "${level}"`}: agents may start`,
          );
    },
    () =>
      fail(
        `there is no namespace ${namespace}`,
        "install it first, or name its place with --service NAMESPACE/NAME:PORT",
      ),
  );
}

const SKEW_MS = 5_000;
/** A kubelet renews its lease each 10 s. */
const SILENT_MS = 60_000;

/** A renewal that lies ahead of us was written by a clock that runs ahead, or ours is behind. */
export function clocks({ nodeLeases, nodes, now }: Facts): Judgement {
  return judge(nodeLeases, (leases) => {
    const known = new Set(orElse(nodes, []).map(({ metadata }) => metadata.name));
    const seen = leases
      .filter(({ metadata }) => nodes.kind !== "read" || known.has(metadata.name))
      .flatMap(({ metadata, spec }) => {
        const at = parseInstant(spec?.renewTime ?? "");
        return at === null ? [] : [{ node: metadata.name, ahead: at - now }];
      });
    if (seen.length === 0)
      return unknown("no node renews a lease, so its clock cannot be compared", "see that kubelets run");
    const ahead = seen.filter((each) => each.ahead > SKEW_MS);
    const most = Math.max(...seen.map((each) => each.ahead));
    if (ahead.length === 0) {
      const silent = seen.filter((each) => each.ahead < -SILENT_MS).map(({ node }) => node);
      return silent.length === 0
        ? ok(`the clocks of ${seen.length} nodes and of this machine agree to some seconds`)
        : warn(
            `no lease was renewed for more than ${SILENT_MS / 1000} s on ${named(silent, "node")}: kubelets are silent, or clocks are behind`,
            "kubectl describe node says when its kubelet was heard last; deadlines of notices need clocks that agree",
          );
    }
    const whose =
      ahead.length === seen.length
        ? "of all nodes are ahead of this machine's, which is probably behind"
        : `of ${named(
            ahead.map(({ node }) => node),
            "node",
          )} run ahead`;
    return warn(
      `clocks ${whose}, by ${duration(millis(most))} at most`,
      "set clocks by NTP: notices, drains and idle times are compared between machines",
    );
  });
}

const SOON_MS = 14 * 86_400_000;

export function certificates({ certificates: read, now }: Pick<Facts, "certificates" | "now">): Judgement {
  return judge(read, (found) => {
    if (found.length === 0) return ok("no certificate of ours is mounted from a Secret");
    const unread = found.filter(({ expires }) => expires === null);
    const ended = found.filter(({ expires }) => expires !== null && expires <= now);
    const soon = found.filter(({ expires }) => expires !== null && expires > now && expires - now < SOON_MS);
    const places = (of: typeof found): string =>
      named(
        of.map(({ place }) => place),
        "certificate",
      );
    const way = "renew it in its Secret: agents read it again when it changes, NATS when it is restarted";
    if (ended.length > 0)
      return fail(`of ${places(ended)} the first ended on ${moment(ended[0]?.expires ?? now)}`, way);
    if (unread.length > 0)
      return fail(`${places(unread)} cannot be read as such`, "put a PEM certificate there");
    if (soon.length > 0)
      return warn(`of ${places(soon)} the first ends on ${moment(soon[0]?.expires ?? now)}`, way);
    return ok(`${places(found)}: none ends within 14 days`);
  });
}
