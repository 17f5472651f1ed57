// Values of NATS: the chart's own, or one that is there.

import { NATS_ACCOUNT, NATS_AUDIENCE, NATS_SECRET, SUBJECT_ROOT } from "../../../shared/model/names.ts";
import { group, leaf, listOfKubernetes, flag, objectOfKubernetes, text, textMap } from "./value.ts";
import type { Group } from "./value.ts";

export const NATS_VALUES: Group = group(
  "NATS with JetStream: reports, notices and the coordinator's memory. What it loses costs caution, never a node.",
  {
    external: group("A NATS that is there already. With servers here, the chart brings none.", {
      servers: leaf(
        { type: "array", items: { type: "string", pattern: "^(nats|tls)://[^/]+$" } },
        [],
        "Its addresses, such as `nats://nats.messaging.svc:4222`; JetStream has to be on.",
      ),
      replicas: leaf(
        { type: "integer", minimum: 1, maximum: 5 },
        1,
        "On how many of its servers our stream and bucket are kept.",
      ),
    }),
    subjectRoot: leaf(
      { type: "string", pattern: "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$" },
      SUBJECT_ROOT,
      "First part of every subject, for agents and coordinators; change it where two clusters share one NATS.",
    ),
    auth: group(
      "By what agents and coordinators show who they are. deploy/nats says how the keys are made.",
      {
        method: leaf(
          { type: "string", enum: ["none", "callout", "secret"] },
          "none",
          "callout: NATS asks the coordinators, an agent shows a token of its pod and may speak for its own node alone. secret: one token for all. none: whoever reaches NATS may say anything.",
        ),
        secretName: text(
          "",
          `Secret of the method. callout: what \`gpuasctl nats-keys\` makes, by default ${NATS_SECRET.name}; coordinators get the seeds, the chart's NATS the public halves, agents nothing. secret: one with the key \`token\`.`,
        ),
        audience: leaf(
          { type: "string", minLength: 1 },
          NATS_AUDIENCE,
          "Whom the agents' tokens are for: nothing else takes them.",
        ),
        account: leaf(
          { type: "string", pattern: "^[A-Za-z0-9_-]+$" },
          NATS_ACCOUNT,
          "NATS account in which all of them are.",
        ),
      },
    ),
    tls: group("", {
      secretName: text(
        "",
        "Secret with tls.crt, tls.key and ca.crt: the chart's NATS speaks TLS alone. With `external`, only ca.crt is read.",
      ),
    }),
    replicas: leaf({ type: "integer", enum: [1, 3] }, 1, "Servers of the chart's NATS."),
    image: group("", {
      repository: leaf(
        { type: "string", minLength: 1 },
        "docker.io/library/nats",
        "Image of the chart's NATS.",
      ),
      tag: leaf({ type: "string", minLength: 1 }, "2.15.2", "Its tag."),
      pullPolicy: leaf({ type: "string", enum: ["Always", "IfNotPresent", "Never"] }, "IfNotPresent", ""),
    }),
    storage: group("Its volume. It goes with the release.", {
      size: leaf({ type: "string", pattern: "^[0-9]+(Mi|Gi|Ti)$" }, "2Gi", "Size of each server's volume."),
      className: text("", "StorageClass; empty: the cluster's default."),
    }),
    resources: objectOfKubernetes(
      { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
      "",
    ),
    priorityClassName: text("system-cluster-critical", ""),
    awayFromPools: flag(true, "Never on a node of a pool that is managed."),
    nodeSelector: textMap("Labels of the nodes that it may run on."),
    tolerations: listOfKubernetes([], "Taints that it bears."),
    extraConfig: text("", "More of the server's configuration, as it stands in its file."),
  },
);
