// gpuasctl: what people type. `status` shows policies with their pools, what was decided and why, from the
// Kubernetes API alone: it needs neither NATS nor the coordinator to be up.

import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { readDrainState } from "../shared/contract/node-marks.ts";
import { parsePolicy } from "../shared/contract/policy.ts";
import { parsePolicyStatus } from "../shared/contract/policy/status.ts";
import type { Node } from "../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../shared/model/names.ts";
import { systemClock as clock } from "../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS } from "../shared/runtime/errors.ts";
import { createKubeClient } from "../shared/runtime/kube/client.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import { readKubeconfig } from "../shared/runtime/kube/kubeconfig.ts";
import { RESOURCE } from "../shared/runtime/kube/resources.ts";
import { readEnvironment } from "../shared/runtime/settings.ts";
import { statusText } from "./report/status-text.ts";
import type { NoticeLine, PolicyLines } from "./report/status-text.ts";

const USAGE = `usage: gpuasctl status [POLICY] [--json] [--kubeconfig FILE] [--context NAME]

words known here: status, help
  status   policies, their pools, the last decision with its reasons, moves in flight, nodes under notice`;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const { word, policy, json, kubeconfig, context } = readArguments(argv);
    if (word === "help") {
      console.log(USAGE);
      return 0;
    }
    const client = await connect(kubeconfig, context);
    try {
      return await status(client, policy, json);
    } finally {
      client.close();
    }
  } catch (error) {
    console.error(`gpuasctl: ${describe(error)}`);
    return error instanceof AppError ? ERROR_KINDS[error.kind].exitCode : ERROR_KINDS.bug.exitCode;
  }
}

async function status(client: KubeClient, policy: string | undefined, json: boolean): Promise<number> {
  const [policies, nodes] = await Promise.all([readPolicies(client, policy), client.list(RESOURCE.nodes)]);
  const notices = nodes.items.flatMap((node) => noticeOf(node) ?? []);
  if (json) console.log(JSON.stringify({ policies, notices }, null, 2));
  else console.log(statusText(policies, notices, clock.now()));
  return 0;
}

async function readPolicies(client: KubeClient, name: string | undefined): Promise<readonly PolicyLines[]> {
  const { items } = await client.list(RESOURCE.policies);
  const wanted = name === undefined ? items : items.filter(({ metadata }) => metadata.name === name);
  if (name !== undefined && wanted.length === 0) {
    const known = items.map(({ metadata }) => metadata.name).join(", ");
    throw new AppError(
      "not-found",
      `there is no AutoscalingPolicy ${name}; ${known === "" ? "the cluster has none" : `known are ${known}`}`,
    );
  }
  return wanted.map(({ metadata, spec, status: written }) => ({
    name: metadata.name,
    generation: metadata.generation ?? null,
    pools: poolLimits(spec),
    status: parsePolicyStatus(written),
  }));
}

/** Minima and maxima with the defaults that apply; of a spec that is not valid, none. */
function poolLimits(spec: unknown): PolicyLines["pools"] {
  const parsed = parsePolicy(spec);
  return parsed.kind === "valid"
    ? parsed.spec.nodePools.map(({ name, minSize, maxSize }) => ({ name, minSize, maxSize }))
    : [];
}

function noticeOf({ metadata }: Node): NoticeLine | null {
  const mark = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (mark.kind !== "value") return null;
  const { cause, source, phase, deadline } = mark.value;
  return { node: metadata.name, cause, source, phase, deadline: new Date(deadline).toISOString() };
}

interface Arguments {
  readonly word: "status" | "help";
  readonly policy: string | undefined;
  readonly json: boolean;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

function readArguments(argv: readonly string[]): Arguments {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        kubeconfig: { type: "string" },
        context: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new AppError("settings", `${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [word = values.help === true ? "help" : "", policy, ...rest] = positionals;
  const { json = false, kubeconfig, context } = values;
  if (values.help === true || word === "help")
    return { word: "help", policy: undefined, json, kubeconfig, context };
  if (word !== "status")
    throw new AppError("settings", `${word === "" ? "no word is given" : `unknown word ${word}`}\n${USAGE}`);
  if (rest.length > 0)
    throw new AppError("settings", `status takes one policy, got also ${rest.join(" ")}\n${USAGE}`);
  return { word, policy, json, kubeconfig, context };
}

async function connect(path: string | undefined, context: string | undefined): Promise<KubeClient> {
  const environment = readEnvironment();
  const file =
    path ??
    environment["GPUAS_KUBECONFIG"] ??
    environment["KUBECONFIG"] ??
    join(homedir(), ".kube", "config");
  const config = await readKubeconfig(file, { context, clock });
  return createKubeClient({ config, clock, userAgent: "gpuasctl" });
}
