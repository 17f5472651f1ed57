// What is known of the node's GPUs, brought together: the driver (or a recording of one), the kernel's log, the
// verdicts on their health, and the pods that hold them. It only ties these to the sight, to the metrics and to one
// another; what a reading means is decided in assess.

import type { Node } from "../shared/model/kube.ts";
import { isFinished } from "../shared/model/pod.ts";
import type { Random } from "../shared/model/random.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import { allocationOf } from "./assess/allocation.ts";
import { driverWantedBy } from "./assess/driver-wanted.ts";
import { expectedGpus } from "./assess/expected.ts";
import { createHealth } from "./assess/health/health.ts";
import { readHealthMemory } from "./assess/health/memory.ts";
import { sourceDetail } from "./assess/idle.ts";
import { createConditionWriter } from "./publish/condition.ts";
import type { EventPublisher } from "./publish/events.ts";
import { createHealthDesk } from "./publish/health.ts";
import type { HealthDesk, HealthNews } from "./publish/health.ts";
import { createKernelLog, readBootId } from "./sample/kernel-log/kernel-log.ts";
import type { KernelLog } from "./sample/kernel-log/kernel-log.ts";
import { createStateFile } from "./sample/kernel-log/state-file.ts";
import { startSampler } from "./sample/nvml/sampler.ts";
import { watchPodResources } from "./sample/pod-resources/pod-resources.ts";
import type { PodResources } from "./sample/pod-resources/pod-resources.ts";
import type { OwnPods } from "./sample/pods.ts";
import { watchResourceSlices } from "./sample/resource-slices.ts";
import type { GpuListener, GpuSampler } from "./sample/source.ts";
import type { AGENT_SETTINGS } from "./settings.ts";
import type { Sight } from "./sight.ts";

interface PodRef {
  readonly namespace: string;
  readonly name: string;
}

export interface GpuWatchOptions {
  readonly values: SettingValues<typeof AGENT_SETTINGS>;
  /** `worker.ts` beside the sampler, or its bundle. */
  readonly workerUrl: URL;
  readonly sight: Sight;
  readonly kube: KubeClient;
  readonly ownNode: () => Node | undefined;
  readonly pods: () => OwnPods["store"];
  readonly publisher: Pick<EventPublisher, "health">;
  readonly news: HealthNews;
  /** Every cycle, for what counts them. */
  readonly onCycle: GpuListener["onCycle"];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface GpuWatch {
  readonly sampler: GpuSampler;
  readonly desk: HealthDesk;
  readonly kernelLog: KernelLog;
  readonly podResources: PodResources;
  /** The node's pods are others: the kubelet is asked soon. */
  podsChanged(): void;
  /** The node is another: what it says of its GPUs may be. */
  nodeChanged(): void;
  /** After the signal, when everything is written that is to outlive the agent. */
  readonly ended: Promise<unknown>;
}

/** @throws AppError bad-input or settings when a capture to replay cannot be used. */
export async function watchGpus(options: GpuWatchOptions): Promise<GpuWatch> {
  const { values, sight, kube, clock, random, log, signal } = options;
  const node = values.nodeName;
  const timing = { intervalMs: values.sampleInterval, slowIntervalMs: values.slowInterval };

  // 1. Health: verdicts, and what of them outlives the agent.
  const memory = createStateFile({
    folder: values.stateDir,
    name: "health.json",
    parse: readHealthMemory,
    // A fault is several pieces of news within milliseconds, and a process may be killed by what the fault does to it.
    burst: 8,
    clock,
    log,
    signal,
  });
  const condition = createConditionWriter({
    client: kube,
    node,
    ownNode: options.ownNode,
    clock,
    random,
    log,
    signal,
  });
  const desk = createHealthDesk({
    health: createHealth({
      ...timing,
      boot: await readBootId(),
      memory: await memory.read(),
      startedAt: { at: clock.now(), steady: clock.monotonic() },
    }),
    publisher: options.publisher,
    condition,
    news: options.news,
    keep: memory.keep,
    onChange: (findings, health) => {
      sight.onHealth(findings, health);
    },
    clock,
    log,
    signal,
  });

  // 2. Who holds what. Matched anew whenever the kubelet, the pods or the driver's list say something else.
  const allocate = (): void => {
    const held = podResources.state();
    if (held.kind === "known") slices.saw(held.devices);
    const hasEnded = (ref: PodRef): boolean => {
      const pod = options.pods().get(ref);
      return pod !== undefined && isFinished(pod);
    };
    sight.onAllocation(allocationOf({ held, gpus: sight.seen.gpus, slices: slices.devices(), hasEnded }));
  };
  const slices = watchResourceSlices({ client: kube, node, clock, log, signal, onChange: allocate });
  const podResources = watchPodResources({
    socket: values.podResourcesSocket,
    isOnNode: (ref) => {
      const pod = options.pods().get(ref);
      return pod !== undefined && !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
    },
    clock,
    log,
    signal,
    onChange: allocate,
  });
  const matched = (tell: () => void): void => {
    const { gpus } = sight.seen;
    tell();
    if (sight.seen.gpus === gpus) return;
    slices.refresh();
    allocate();
  };

  // 3. The driver, and the kernel's log beside it.
  const listener: GpuListener = {
    onCycle: (cycle) => {
      matched(() => {
        sight.onCycle(cycle);
      });
      desk.onCycle(cycle);
      options.onCycle(cycle);
    },
    onSource: (source) => {
      // A hang is told anew twice a second, for hours if need be; one line is enough for it.
      if (source.state !== sight.seen.source.state)
        log.info({ state: source.state, reason: sourceDetail(source) }, "GPU source");
      matched(() => {
        sight.onSource(source);
      });
      desk.onSource(source);
    },
    onEvent: desk.onEvent,
  };
  const sampler = await startSource(options, listener);
  let released = false;
  const kernelLog = createKernelLog({
    setting: values.kernelLog,
    stateDir: values.stateDir,
    clock,
    onEvent: desk.onEvent,
    log,
    signal,
  });

  return {
    sampler,
    desk,
    kernelLog,
    podResources,
    podsChanged: () => {
      podResources.refresh();
      allocate();
    },
    nodeChanged: () => {
      const wantedBy = driverWantedBy(options.ownNode()?.metadata.labels);
      if ((wantedBy === null) === released) {
        released = wantedBy !== null;
        log.info(
          { name: wantedBy ?? "" },
          released ? "the driver is released: it is exchanged" : "the driver is held again",
        );
        if (released) sampler.release();
        else sampler.resume();
      }
      desk.expect(expectedGpus(values.expectedGpus, options.ownNode()?.metadata.labels));
    },
    ended: Promise.all([desk.ended, kernelLog.ended, condition.ended, podResources.ended, slices.ended]).then(
      () => memory.settled(),
    ),
  };
}

/** The driver, or the capture that stands for one. */
async function startSource(
  { values, workerUrl, clock }: GpuWatchOptions,
  listener: GpuListener,
): Promise<GpuSampler> {
  if (values.replay !== null) {
    // Loaded only when asked for: an agent on a node never needs it.
    const [{ startReplay }, { readCapture }] = await Promise.all([
      import("./sample/replay/sampler.ts"),
      import("./sample/replay/capture.ts"),
    ]);
    return startReplay({ capture: await readCapture(values.replay), clock, ...listener });
  }
  return startSampler({
    workerUrl,
    intervalMs: values.sampleInterval,
    slowIntervalMs: values.slowInterval,
    gpm: values.gpm,
    library: { path: values.nvmlLibrary, driverRoots: values.driverRoots },
    clock,
    ...listener,
  });
}
