// Checks of the coordinator and of what it needs: that it is there, that one leads and answers, that it reaches NATS, and that
// agents are let in there. Each is pure.

import { parseInstant } from "../../../../shared/model/instant.ts";
import { NATS_AUDIENCE, SERVICE_ACCOUNT } from "../../../../shared/model/names.ts";
import { millis } from "../../../../shared/model/units.ts";
import { duration } from "../../../report/sentences/words.ts";
import type { Facts } from "../facts.ts";
import { fail, judge, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";
import { environmentOf } from "../kinds.ts";
import type { Workload } from "../kinds.ts";

const INSTALL = "install it: helm install, see deploy/README.md; --service names another place";

export function coordinatorDeployed({ coordinator, namespace }: Facts): Judgement {
  return judge(
    coordinator,
    ({ metadata, spec, status }) => {
      const wanted = spec?.replicas ?? 1;
      const ready = status?.readyReplicas ?? 0;
      const seen = `${ready} of ${wanted} replicas of ${namespace}/${metadata.name} are ready`;
      const way = `kubectl describe pods --namespace ${namespace} --selector app.kubernetes.io/component=coordinator`;
      if (wanted === 0)
        return fail("the coordinator is scaled to 0: nothing is decided", "give it replicas again");
      if (ready === 0) return fail(seen, way);
      return ready < wanted ? warn(seen, way) : ok(seen);
    },
    () => fail(`no coordinator is deployed in namespace ${namespace}`, INSTALL),
  );
}

export function leader({ lease, pods, namespace, now }: Facts): Judgement {
  const way = "the logs of the coordinator's pods say why none leads; a new leader comes within seconds";
  return judge(
    lease,
    ({ spec }) => {
      const holder = spec?.holderIdentity ?? "";
      if (holder === "") return warn("nobody holds the lease: no coordinator leads", way);
      const renewed = parseInstant(spec?.renewTime ?? "");
      const age = renewed === null ? null : now - renewed;
      const lasts = (spec?.leaseDurationSeconds ?? 10) * 1000;
      // Clocks may differ by some seconds; a lease that has run out twice is nobody's.
      if (age === null || age > 2 * lasts)
        return fail(
          `${holder} holds the lease and has not renewed it ${age === null ? "ever" : `for ${duration(millis(age))}`}`,
          way,
        );
      const [pod = ""] = holder.split("_");
      const there = orElse(pods, []).some(
        ({ metadata }) => metadata.namespace === namespace && metadata.name === pod,
      );
      return pods.kind === "read" && !there
        ? fail(`${holder} holds the lease, and there is no pod ${namespace}/${pod}`, way)
        : ok(`${pod} leads and renews its lease`);
    },
    () => fail("no coordinator has ever led here: there is no lease", way),
  );
}

export function leaderPage({ page, namespace }: Facts): Judgement {
  switch (page.kind) {
    case "read":
      return ok("the leader answers what it has decided, by the service's proxy");
    case "absent":
      return fail(page.why, "see the checks coordinator and leader; --service names another place");
    case "failed":
      return page.why.includes("503")
        ? fail(
            page.why,
            `the leader answers once its picture of the cluster is complete; where nothing is reached at all, let the API server in to ${namespace} (NetworkPolicy, firewall)`,
          )
        : unknown(page.why, page.way);
  }
}

export function natsReached({ probe }: Facts): Judgement {
  return judge(probe, ({ checks }) => {
    const check = checks.find(({ name }) => name === "nats");
    if (check === undefined)
      return unknown("the coordinator's probe says nothing of NATS", "it is of another version");
    return check.ok
      ? ok(`the coordinator is ${check.detail}`)
      : fail(
          `the coordinator does not reach NATS (${check.detail}): no idle node is removed`,
          "see the pods of NATS and its NetworkPolicy, and nats.external.servers where it is yours",
        );
  });
}

/** Agents show a token that is made for NATS; the coordinator takes tokens of one audience. */
export function natsTokens({ agents, coordinator }: Facts): Judgement {
  return judge(coordinator, (deployed) => {
    const environment = environmentOf(deployed);
    if (environment["GPUAS_NATS_CALLOUT"] !== "true")
      return ok("NATS does not ask the coordinator who may connect, so no token has to fit");
    const wanted = environment["GPUAS_NATS_AUDIENCE"] ?? NATS_AUDIENCE;
    return judge(agents, (daemonSet) => {
      const given = audiencesOf(daemonSet);
      if (given.includes(wanted)) return ok(`agents show NATS a token of the audience ${wanted}`);
      return fail(
        given.length === 0
          ? "NATS asks who may connect, and agents mount no token for it"
          : `agents have tokens of the audience ${given.join(", ")}, and the coordinator takes ${wanted}`,
        "set nats.auth.audience for both: helm upgrade",
      );
    });
  });
}

function audiencesOf({ spec }: Workload): readonly string[] {
  const volumes = spec?.template?.spec?.volumes ?? [];
  return volumes.flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) => serviceAccountToken?.audience ?? []),
  );
}

export function rights(account: "agent" | "coordinator"): (facts: Facts) => Judgement {
  return (facts) =>
    judge(account === "agent" ? facts.agentRights : facts.coordinatorRights, (answers) => {
      const who = `the service account ${facts.namespace}/${SERVICE_ACCOUNT[account]}`;
      const lacking = new Map<string, { readonly purpose: string; readonly verbs: string[] }>();
      for (const { verb, resource, purpose, allowed } of answers) {
        if (allowed) continue;
        const of = lacking.get(resource) ?? { purpose, verbs: [] };
        of.verbs.push(verb);
        lacking.set(resource, of);
      }
      const words = [...lacking].map(
        ([resource, { purpose, verbs }]) => `${verbs.join(", ")} on ${resource} for ${purpose}`,
      );
      const more = words.length > 3 ? `; and on ${words.length - 3} more resources` : "";
      return words.length === 0
        ? ok(`${who} has every right that it needs (${answers.length} asked)`)
        : fail(
            `${who} lacks ${words.slice(0, 3).join("; ")}${more}`,
            "helm upgrade puts its role and binding back (with --force-conflicts where somebody has edited them); rights for groups come with policies among the values, or by the chart's rights.* values",
          );
    });
}
