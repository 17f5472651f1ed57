// The kubelets of a cluster, as far as our own pods are concerned: for each pod of the chart that the scheduler has placed, the
// shipped program runs as a kubelet would run it, with the environment of that pod and a token that is bound to it. It ends
// when its pod is to go. GPUs are the double's; who installs the chart is no matter of theirs.

import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { describe } from "../../shared/runtime/errors.ts";
import { startAgent } from "../build/agent.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { lastLines } from "../build/program.ts";
import type { Program } from "../build/program.ts";
import { createDouble } from "../nvml-double/fixture.ts";
import type { Double } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import type { Cluster } from "./cluster.ts";

/** kwok leaves the end of such a pod to us: it is there until its program has ended. */
const BY_HAND = { "gpu-autoscaler.test/ends": "by-hand" };
const PAUSE_MS = millis(200);

/** Of a token; half of it later the kubelet has the next one in its place. */
const TOKEN_LIFE_S = 20;
/** The server takes tokens for a minute more than they say, for clocks that differ. */
const FORGIVEN_S = 60;
const COMPONENT = "app.kubernetes.io/component";

export interface Running {
  readonly component: "agent" | "coordinator";
  readonly pod: string;
  /** Of the pod. Nothing is there: whoever wants to reach the program has to be led. */
  readonly ip: string;
  readonly node: string;
  readonly program: Program;
  /** With which it began; it is over after a while, and then another one is in its file. */
  readonly firstToken: string;
  /** Of an agent: its GPU, and the double that plays it. */
  readonly gpus: { readonly double: Double; readonly gpu: ScenarioGpu } | null;
}

export interface KubeletsOptions {
  readonly cluster: Cluster;
  /** Where the programs find the API server. */
  readonly server: URL;
  /** For pods that name no other. */
  readonly nats: string;
  /** What a pod's environment says where names of the cluster mean nothing. */
  readonly env?: Readonly<Record<string, string>>;
  /** The GPU of the so-many-th agent. */
  readonly gpu: (index: number) => ScenarioGpu;
  /** What others do in a cluster, again and again. */
  readonly meanwhile: () => Promise<void>;
}

export interface Kubelets extends AsyncDisposable {
  /** Those that run now. */
  readonly running: readonly Running[];
  /** All that ever ran, for their logs. */
  readonly past: readonly Running[];
  agentOn(node: string): Running | undefined;
  /** By being there it tells the agent of that node that its machine goes. */
  noticeFileOf(node: string): string;
  /** Waits, with the programs' last words as the explanation of a failure. */
  until<T>(
    look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
    withinMs?: number,
  ): Promise<T>;
}

/** A pod as far as a kubelet reads it to start a container. */
interface OwnPod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName: string;
    readonly containers: readonly [
      {
        readonly env?: readonly {
          readonly name: string;
          readonly value?: string;
          readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
        }[];
      },
    ];
  };
  readonly status?: { readonly phase?: string; readonly podIP?: string };
}

/** They begin at once, with whatever is there. */
export function startKubelets(options: KubeletsOptions): Kubelets {
  const { cluster, nats } = options;
  const { plane } = cluster;
  const { namespace } = SERVICE_ACCOUNT;
  const running = new Map<string, Running>();
  const past: Running[] = [];
  const beginning = new Map<string, Promise<void>>();
  const renewAtMs = new Map<string, number>();
  const over = new AbortController();
  let agents = 0;
  let trouble: unknown = null;

  async function begin(pod: OwnPod, component: "agent" | "coordinator"): Promise<void> {
    const { name } = pod.metadata;
    const ip = pod.status?.podIP ?? "";
    const node = pod.spec.nodeName ?? "";
    await keep(pod);
    const kubeconfig = join(cluster.folder, name);
    const firstToken = await renew(pod);
    const file = plane.kubeconfig({ tokenFile: tokenFileOf(name) }, options.server);
    await writeFile(kubeconfig, file, { mode: 0o600 });
    const env = { ...environmentOf(pod), ...options.env };
    if (component === "coordinator") {
      const program = await startCoordinator({ kubeconfig, nats, env });
      add({ component, pod: name, ip, node, program, firstToken, gpus: null });
      return;
    }
    const gpu = options.gpu(agents++);
    const double = await createDouble({ gpus: [gpu] });
    const program = await startAgent({
      node,
      kubeconfig,
      nats,
      doubleDir: double.directory,
      scenario: join(double.directory, "scenario"),
      counters: join(double.directory, "counters"),
      // A folder of the node: the next agent there finds what this one has kept, and what others tell it.
      env: {
        ...env,
        GPUAS_STATE_DIR: join(cluster.folder, `state-${node}`),
        GPUAS_NOTICE_FILE: noticeFileOf(node),
      },
      waitFor: "listening",
    });
    add({ component, pod: name, ip, node, program, firstToken, gpus: { double, gpu } });
  }

  const noticeFileOf = (node: string): string => join(cluster.folder, `notice-${node}`);
  const tokenFileOf = (pod: string): string => join(cluster.folder, `${pod}.token`);

  /** From now on its end is ours. */
  async function keep({ metadata }: OwnPod): Promise<void> {
    const path = podPath(metadata.name);
    await plane.send({
      method: "PATCH",
      path,
      json: { metadata: { annotations: BY_HAND } },
      contentType: "application/merge-patch+json",
    });
  }

  /** A token that is bound to the pod takes the place of the last one. */
  async function renew({ metadata, spec }: OwnPod): Promise<string> {
    const { name, uid } = metadata;
    renewAtMs.set(name, systemClock.monotonic() + (TOKEN_LIFE_S * 1000) / 2);
    const given = await plane.createToken({ namespace, name: spec.serviceAccountName }, { name, uid });
    const exp = Math.floor(systemClock.now() / 1000) + TOKEN_LIFE_S - FORGIVEN_S;
    const token = await plane.resignToken(given, { exp });
    // Whoever reads it finds one or the other.
    await writeFile(`${tokenFileOf(name)}.new`, token, { mode: 0o600 });
    await rename(`${tokenFileOf(name)}.new`, tokenFileOf(name));
    return token;
  }

  function add(one: Running): void {
    running.set(one.pod, one);
    past.push(one);
  }

  /** What the kubelets of all nodes do about our pods. */
  async function turn(): Promise<void> {
    await options.meanwhile();
    const { status, text } = await plane.send({
      method: "GET",
      path: `/api/v1/namespaces/${namespace}/pods`,
    });
    if (status !== 200) throw new Error(`GET pods: ${status} ${text}`);
    // As the server has checked them.
    const { items } = JSON.parse(text) as { readonly items: readonly OwnPod[] };
    const there = new Set(items.map(({ metadata }) => metadata.name));
    for (const pod of items) {
      const { name, deletionTimestamp, labels = {} } = pod.metadata;
      const component = labels[COMPONENT];
      if (component !== "agent" && component !== "coordinator") continue;
      if (systemClock.monotonic() > (renewAtMs.get(name) ?? Infinity)) await renew(pod);
      if (deletionTimestamp !== undefined) finish(pod);
      else if (pod.status?.phase === "Running" && !beginning.has(name)) {
        const started = begin(pod, component);
        beginning.set(name, started);
        started.catch((error: unknown) => {
          trouble = error;
        });
      }
    }
    for (const one of running.values()) {
      if (there.has(one.pod)) continue;
      // Its node is gone, and it with it.
      running.delete(one.pod);
      void one.program.kill();
    }
  }

  function finish({ metadata }: OwnPod): void {
    const one = running.get(metadata.name);
    running.delete(metadata.name);
    const gone = async (): Promise<void> => {
      await one?.program.stop();
      const path = podPath(metadata.name);
      await plane.send({ method: "DELETE", path, json: { gracePeriodSeconds: 0 } });
    };
    // A drain may go on for long after the signal, and other pods do not wait for it.
    if (one !== undefined || !beginning.has(metadata.name)) void gone().catch(() => {});
  }

  async function loop(): Promise<void> {
    while (!over.signal.aborted) {
      try {
        await turn();
      } catch (error) {
        // The API server may be away on purpose; who waits for something is told.
        trouble = error;
      }
      await systemClock.sleep(PAUSE_MS, over.signal).catch(() => {});
    }
  }

  const looping = loop();

  return {
    get running() {
      return [...running.values()];
    },
    past,
    agentOn: (node) => [...running.values()].find((one) => one.component === "agent" && one.node === node),
    noticeFileOf,
    until: async (look, withinMs = 180_000) =>
      await eventually(look, {
        withinMs,
        describe: () =>
          [
            trouble === null ? "" : `last trouble of the release: ${describe(trouble)}`,
            ...[...running.values()].map(({ pod, program }) => `-- ${pod}\n${lastLines(program.logs, 12)}`),
          ].join("\n"),
      }),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await looping;
      await Promise.allSettled(beginning.values());
      await Promise.all(past.map(async ({ program }) => await program.kill()));
      for (const { gpus } of past) gpus?.double[Symbol.dispose]();
    },
  };
}

function podPath(name: string): string {
  return `/api/v1/namespaces/${SERVICE_ACCOUNT.namespace}/pods/${name}`;
}

/** As the kubelet would set it, without where it is served: several run on one machine here. */
function environmentOf({ metadata, spec }: OwnPod): Readonly<Record<string, string>> {
  const fields: Readonly<Record<string, string | undefined>> = {
    "spec.nodeName": spec.nodeName,
    "metadata.name": metadata.name,
    "metadata.namespace": metadata.namespace,
  };
  const entries = (spec.containers[0].env ?? []).map(({ name, value, valueFrom }) => [
    name,
    value ?? fields[valueFrom?.fieldRef.fieldPath ?? ""] ?? "",
  ]);
  const { GPUAS_METRICS_PORT: _port, ...env } = Object.fromEntries(entries) as Record<string, string>;
  return env;
}
