// The checks before an installation, in the order in which they are told. Each is pure: from what was read to a judgement.
// `fail` keeps anything from being changed; `warn` and `unknown` are for a person to weigh.

import { parsePolicy } from "../../../shared/contract/policy.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import {
  API_VERSION,
  LEASE_NAME,
  POD_SECURITY_LABEL,
  POLICY,
  SERVICE_ACCOUNT,
} from "../../../shared/model/names.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import { shortened } from "../../report/sentences/words.ts";
import { apiVersion, certificates } from "../doctor/checks/cluster.ts";
import { fail, judge, named, ok, unknown, warn } from "../doctor/finding.ts";
import type { Finding, Judgement } from "../doctor/finding.ts";
import { fingerprint } from "../doctor/fingerprint.ts";
import { environmentOf } from "../doctor/kinds.ts";
import type { Workload } from "../doctor/kinds.ts";
import { SHIPPED } from "../doctor/shipped.ts";
import type { NatsServer, PreFlight } from "./facts.ts";
import { GET_HELM } from "./helm.ts";
import type { Rendered } from "./helm.ts";
import { secretsThere } from "./secrets.ts";

const LONGEST = 300;
const HELM_OLDEST = [3, 18] as const;
/** Where Helm notes whose an object is. */
const OWNER = { release: "meta.helm.sh/release-name", namespace: "meta.helm.sh/release-namespace" } as const;
const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

export const PRE_FLIGHT = {
  helm: helmThere,
  values: valuesTaken,
  "api-version": apiVersion,
  namespace: namespaceFit,
  kinds: kindsServed,
  definition: definitionFit,
  ownership: namesFree,
  rights: callerMay,
  objects: objectsTaken,
  policies: policiesFit,
  nats: natsThere,
  secrets: secretsThere,
  certificates,
  "second-coordinator": onlyOne,
  "other-autoscalers": others,
} as const satisfies Readonly<Record<string, (facts: PreFlight) => Judgement>>;

export function preFlight(facts: PreFlight): readonly Finding[] {
  return Object.entries(PRE_FLIGHT).map(([check, of]) => {
    try {
      return { check, ...of(facts) };
    } catch (error) {
      const evidence = `what was read has another form than expected: ${describe(error)}`;
      return { check, ...unknown(evidence, "see what answers there") };
    }
  });
}

function helmThere({ helm }: PreFlight): Judgement {
  return judge(
    helm,
    (text) => {
      const [major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(text)?.slice(1) ?? []).map(Number);
      const [oldest, oldestMinor] = HELM_OLDEST;
      return major < oldest || (major === oldest && minor < oldestMinor)
        ? fail(`helm is ${text}`, GET_HELM)
        : ok(`helm is ${text}`);
    },
    () => fail("there is no helm in PATH", GET_HELM),
  );
}

function valuesTaken({ rendered }: PreFlight): Judgement {
  if (rendered.kind === "failed") return fail(shortened(rendered.why, 2 * LONGEST), rendered.way);
  return judge(
    rendered,
    (objects) => ok(`the chart takes the values and makes ${objects.length} objects of them`),
    (why) => unknown(why, GET_HELM),
  );
}

function namespaceFit({ space, namespace }: PreFlight): Judgement {
  return judge(
    space,
    ({ metadata }) => {
      const level = metadata.labels?.[POD_SECURITY_LABEL];
      return level === "restricted" || level === "baseline"
        ? fail(
            `namespace ${namespace} holds its pods to "${level}", and agents need the node's network and folders of it: no agent could start`,
            `kubectl label namespace ${namespace} ${POD_SECURITY_LABEL}=privileged --overwrite, or install into another one: --namespace`,
          )
        : ok(
            level === undefined
              ? `namespace ${namespace} is there and sets no Pod Security level`
              : `namespace ${namespace} is there and is "${level}"`,
          );
    },
    () => ok(`namespace ${namespace} is not there: it is made, with ${POD_SECURITY_LABEL}=privileged`),
  );
}

const WAYS: readonly (readonly [RegExp, string])[] = [
  [
    /monitoring\.coreos\.com/,
    "install the Prometheus operator first, or leave monitoring.podMonitor, .serviceMonitor and .prometheusRule false: monitoring.annotations serves a plain Prometheus",
  ],
  [/admissionregistration\.k8s\.io/, "upgrade the cluster to 1.30 or newer"],
];

function kindsServed({ unserved }: PreFlight): Judgement {
  return judge(unserved, (missing) =>
    missing.length === 0
      ? ok("the API server knows every kind of object that the chart makes")
      : fail(
          `the API server does not know ${named(missing, "kind")}`,
          WAYS.find(([of]) => of.test(missing.join(" ")))?.[1] ??
            "install what brings them, or turn their value off",
        ),
  );
}

function definitionFit({ definition, release, namespace }: PreFlight): Judgement {
  return judge(
    definition,
    ({ metadata, spec }) => {
      const { [OWNER.release]: owner, [OWNER.namespace]: at = "" } = metadata.annotations ?? {};
      if (owner !== undefined && (owner !== release || at !== namespace))
        return fail(
          `the definition of ${POLICY.kind} belongs to the Helm release ${at}/${owner}`,
          "upgrade that release, or remove it first (gpuasctl uninstall before helm uninstall)",
        );
      const served = spec?.versions?.find(({ name }) => name === API_VERSION);
      if (served === undefined)
        return warn(
          `the definition of ${POLICY.kind} is there and does not have ${API_VERSION}; it is replaced by that of this version`,
          "see first who uses the versions that it has: kubectl get crd -o yaml",
        );
      return fingerprint(served.schema) === SHIPPED.definition
        ? ok(`the definition of ${POLICY.kind} is there and is that of this version`)
        : warn(
            `the definition of ${POLICY.kind} is of another version; it is replaced by that of this version, since helm leaves it as it is`,
            "policies stay; a field that the other version knows alone is dropped when its policy is written again",
          );
    },
    () => ok(`there is no definition of ${POLICY.kind}: it is made`),
  );
}

function namesFree({ standing, release, namespace }: PreFlight): Judgement {
  return judge(standing, (objects) => {
    const foreign = objects.flatMap(({ metadata }) => {
      const { [OWNER.release]: owner, [OWNER.namespace]: at = "" } = metadata.annotations ?? {};
      if (owner === release && at === namespace) return [];
      return [`${metadata.name} (${owner === undefined ? "no Helm release's" : `release ${at}/${owner}'s`})`];
    });
    return foreign.length === 0
      ? ok(
          objects.length === 0
            ? "no object for the whole cluster bears a name of ours"
            : `release ${namespace}/${release} is there and is upgraded`,
        )
      : fail(
          `names for the whole cluster are taken: ${named(foreign, "object")}`,
          "one release in a cluster: upgrade that one (--release, --namespace), or remove it; what kubectl applied Helm takes over only with its annotations",
        );
  });
}

function callerMay({ rights }: PreFlight): Judgement {
  return judge(rights, (answers) => {
    const lacking = answers.flatMap(({ verb, resource, allowed, purpose }) =>
      allowed ? [] : [`${verb} ${resource} for ${purpose}`],
    );
    return lacking.length === 0
      ? ok(`you have every right that the installation needs (${answers.length} asked)`)
      : fail(
          `you lack rights: ${lacking.slice(0, 4).join("; ")}${lacking.length > 4 ? `; and ${lacking.length - 4} more` : ""}`,
          "install as somebody who may make roles for the whole cluster, such as cluster-admin",
        );
  });
}

function objectsTaken({ trial }: PreFlight): Judgement {
  return judge(trial, (trials) => {
    const refused = trials.flatMap(({ object, refusal }) =>
      refusal === null ? [] : [`${object}: ${shortened(refusal, LONGEST)}`],
    );
    return refused.length === 0
      ? ok(`the API server would take all of ${trials.length} objects that could be tried`)
      : fail(
          `the API server refuses ${refused.length} of ${trials.length} objects: ${refused.slice(0, 3).join("; ")}`,
          "the words are the server's: correct the value that they name, or ask whoever rules that",
        );
  });
}

/** What the API server would say too late: after its definition is there. */
function policiesFit({ rendered }: PreFlight): Judgement {
  return judge(rendered, (objects) => {
    const policies = objects.filter(({ kind }) => kind === POLICY.kind);
    const wrong = policies.flatMap((object) => {
      const parsed = parsePolicy((object as Rendered & { readonly spec?: unknown }).spec);
      return parsed.kind === "valid"
        ? []
        : [`${object.metadata.name}: ${shortened(parsed.problems.join("; "), LONGEST)}`];
    });
    if (wrong.length > 0)
      return fail(
        `policies among the values are not valid: ${wrong.join("; ")}`,
        "correct the fields that are named",
      );
    return policies.length === 0
      ? ok("no policy is among the values: agents report and drain, and nothing is sized")
      : ok(
          `${named(
            policies.map(({ metadata }) => metadata.name),
            "policy",
            "policies",
          )} among the values: valid`,
        );
  });
}

function natsThere({ rendered, servers, storageClasses }: PreFlight): Judgement {
  return judge(rendered, (objects) => {
    const claim = volumeOf(objects);
    if (claim === null) return judge(servers, serversReady);
    return judge(storageClasses, (classes) => {
      const found = classes.some(({ metadata }) =>
        claim.className === null
          ? metadata.annotations?.[DEFAULT_CLASS] === "true"
          : metadata.name === claim.className,
      );
      const known = named(
        classes.map(({ metadata }) => metadata.name),
        "class",
        "classes",
      );
      return found
        ? ok("NATS comes with the chart, and its volume has a StorageClass")
        : fail(
            `NATS would wait for its volume: ${claim.className === null ? "no StorageClass is the default" : `there is no StorageClass ${claim.className}`}, of ${known}`,
            "set nats.storage.className to one of them, or nats.external.servers to a NATS that is there",
          );
    });
  });
}

function serversReady(servers: readonly NatsServer[]): Judgement {
  const urls = (state: string): readonly string[] =>
    servers.flatMap((server) => (server.state === state ? [server.url] : []));
  const gone = [
    ...urls("no-service").map((url) => `${url} (there is no such service)`),
    ...urls("no-endpoint").map((url) => `${url} (no pod behind it is ready)`),
  ];
  if (servers.length === 0)
    return fail("no NATS is named", "set nats.external.servers, or leave it empty for the chart's own");
  if (gone.length === servers.length)
    return fail(
      `NATS is not there: ${gone.join("; ")}`,
      "correct nats.external.servers, start that NATS, or leave the value empty for the chart's own",
    );
  if (gone.length > 0)
    return warn(`servers of NATS are not there: ${gone.join("; ")}`, "correct nats.external.servers");
  const unseen = urls("unseen");
  return unseen.length > 0
    ? unknown(
        `whether ${named(unseen, "server")} of NATS answer is not to be seen from the Kubernetes API`,
        "the check nats of gpuasctl doctor says it once the coordinator runs; without NATS no idle node is removed",
      )
    : ok(`${named(urls("ready"), "server")} of NATS: ready`);
}

/** Of the chart's own NATS. Null: there is none. */
function volumeOf(objects: readonly Rendered[]): { readonly className: string | null } | null {
  const set = objects.find(({ kind }) => kind === "StatefulSet") as
    | (Rendered & {
        readonly spec?: {
          readonly volumeClaimTemplates?: readonly {
            readonly spec?: { readonly storageClassName?: string };
          }[];
        };
      })
    | undefined;
  return set === undefined
    ? null
    : { className: set.spec?.volumeClaimTemplates?.[0]?.spec?.storageClassName ?? null };
}

const LEASE_FRESH = 2;

/** Two coordinators with different leases would both size the same groups. */
function onlyOne({ leases, workloads, namespace, now }: PreFlight): Judgement {
  return judge(leases, (all) => {
    const held = all.filter(({ metadata, spec }) => {
      const renewed = parseInstant(spec?.renewTime ?? "");
      const lasts = (spec?.leaseDurationSeconds ?? 10) * 1000;
      return (
        metadata.name === LEASE_NAME &&
        metadata.namespace !== namespace &&
        renewed !== null &&
        now - renewed < LEASE_FRESH * lasts
      );
    });
    const deployed =
      workloads.kind !== "read"
        ? []
        : workloads.value.filter(
            (workload) =>
              workload.metadata.namespace !== namespace &&
              isCoordinator(workload) &&
              (workload.spec?.replicas ?? 1) > 0,
          );
    const places = new Set([...held, ...deployed].map(({ metadata }) => metadata.namespace ?? ""));
    return places.size === 0
      ? ok("no other coordinator runs in this cluster")
      : fail(
          `a coordinator runs already in ${named([...places].sort(), "namespace")}`,
          "one for a cluster: upgrade that one (--namespace), or remove it first (gpuasctl uninstall --service)",
        );
  });
}

/** By what it is told: a release of another name, or with a lease of another name, is one all the same. */
function isCoordinator(workload: Workload): boolean {
  return (
    workload.metadata.name === SERVICE_ACCOUNT.coordinator ||
    COORDINATOR_SETTINGS.some((name) => name in environmentOf(workload))
  );
}

/** Settings that the chart gives to no other program. */
const COORDINATOR_SETTINGS = ["GPUAS_LEASE_NAME", "GPUAS_NATS_REPLICAS"] as const;

const RIVALS: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)cluster-autoscaler(?:[:@-]|$)/, "Cluster Autoscaler"],
  [/(?:^|\/)karpenter(?:\/controller)?(?:[:@]|$)|karpenter\/controller/, "Karpenter"],
  [/(?:^|\/)aws-node-termination-handler(?:[:@]|$)/, "the node termination handler of AWS"],
];

function others({ workloads }: PreFlight): Judgement {
  return judge(workloads, (all) => {
    const found = all.flatMap(({ metadata, spec }) => {
      const images = (spec?.template?.spec?.containers ?? []).map(({ image = "" }) => image);
      const rival = RIVALS.find(([pattern]) => images.some((image) => pattern.test(image)));
      return rival === undefined || spec?.replicas === 0
        ? []
        : [`${rival[1]} (${metadata.namespace ?? ""}/${metadata.name})`];
    });
    return found.length === 0
      ? ok("no other autoscaler that we know by its image runs here")
      : warn(
          `others size or drain nodes here: ${found.join("; ")}`,
          "let one program size a group, and one drain a node: deploy/README.md says how to run beside each",
        );
  });
}
