// How long nobody acts when the leader goes: from the instant at which a pod appears and the leader is ended, to the
// first thing that the other replica writes, by the API server's own record; on AWS also to its first call that changes
// something, because there a new leader waits for what may still be on its way. Twice: killed, so that its lease has to
// run out, and stopped in order. Then many times with a lease of a second, ended at any moment of its work, to count nodes
// that were bought twice. The shipped coordinator with its shipped settings, two replicas in each of several worlds.

import { cpus } from "node:os";

import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { openProvider } from "./providers.ts";
import type { ProviderName } from "./providers.ts";

/** Worlds beside each other, since each of them mostly waits; what sizes the pool of each. */
const LANES: readonly ProviderName[] = ["scale", "aws", "simulated", "aws", "scale"];
/** Of each kind, in each lane. */
const RUNS = 4;
/** Runs with the short lease, in each lane. */
const QUICK_RUNS = 36;
const QUICK = {
  GPUAS_LEASE_DURATION: "1s",
  GPUAS_LEASE_RENEW: "700ms",
  GPUAS_LEASE_RETRY: "200ms",
  GPUAS_CYCLE_INTERVAL: "1s",
};
/** What a provider takes over a call, so that some leaders end while theirs is on its way. */
const CALL_MS = 100;
const POOL = "spot-a";
/** The batch that opens with the pod takes 200 ms, and what follows some 150: the end falls on any moment of it. */
const WORK_MS = 400;
/** A renewal's period: the end falls on any moment of it. */
const PERIOD_MS = 1_500;
const MAX_NODES = 200;
const PATIENT = { withinMs: 90_000 };

type Ending = "killed" | "clean";

interface Taken {
  readonly ending: Ending;
  readonly provider: ProviderName;
  readonly seconds: number;
  /** To the first call at the provider that changes something. */
  readonly callSeconds: number;
}

export async function run({ minutes }: { readonly minutes?: number } = {}): Promise<Figure[]> {
  // `--minutes 1` is a look at whether it works, and no measurement.
  const share = minutes === undefined ? 1 : Math.min(1, minutes / 5);
  const some = (runs: number): number => Math.max(1, Math.round(runs * share));
  const lanes = share < 1 ? LANES.slice(0, 2) : LANES;

  const busy = busyShare();
  const taken = (
    await Promise.all(lanes.map(async (provider, lane) => await timed(provider, lane, some(RUNS))))
  ).flat();
  console.error(`fail-over: the cores were busy for ${(100 * busy()).toFixed(0)} % of the time`);
  const quick = await Promise.all(
    lanes.map(async (provider, lane) => await counted(provider, lane, some(QUICK_RUNS))),
  );
  const sum = (of: (one: Count) => number): number => quick.reduce((all, one) => all + of(one), 0);
  console.error(
    `fail-over, lease of a second: ${sum(({ runs }) => runs)} runs, ${sum(({ intents }) => intents)} of them ended between intent and outcome`,
  );

  const of = (ending: Ending): readonly Taken[] => taken.filter((one) => one.ending === ending);
  const longest = (runs: readonly Taken[]): number => Math.max(...runs.map((one) => one.seconds));
  const onAws = of("killed").filter(({ provider }) => provider === "aws");
  return [
    figure("killed_max_s", longest(of("killed")), "s", { max: 15 }),
    figure("killed_aws_call_max_s", Math.max(...onAws.map((one) => one.callSeconds)), "s", { max: 15 }),
    figure("clean_max_s", longest(of("clean")), "s", { max: 2 }),
    figure(
      "double_adds",
      sum(({ doubles }) => doubles),
      "",
      { min: 0, max: 0 },
    ),
    // Fewer, and the figures above say less than they seem to.
    figure("runs", taken.length, "", { min: 2 * RUNS * LANES.length }),
    figure(
      "quick_runs",
      sum(({ runs }) => runs),
      "",
      { min: QUICK_RUNS * LANES.length },
    ),
  ];
}

async function timed(provider: ProviderName, lane: number, runs: number): Promise<readonly Taken[]> {
  await using stage = await openStage(provider, lane, {});
  const taken: Taken[] = [];
  for (let index = 0; index < 2 * runs; index++) {
    const ending: Ending = index % 2 === 0 ? "killed" : "clean";
    const { leader, other } = await stage.settled();
    await systemClock.sleep(millis(Math.floor(PERIOD_MS * stage.random())));
    const at = stage.ask();
    await (ending === "killed" ? leader.process.kill() : leader.process.stop());
    const write = await stage.scene.until(() => stage.firstWriteOf(other), PATIENT);
    const call = await stage.scene.until(() => stage.firstCall(), PATIENT);
    const [seconds, callSeconds] = [(write.at - at) / 1000, (call.at - at) / 1000];
    taken.push({ ending, provider, seconds, callSeconds });
    console.error(
      `fail-over, ${ending}, ${provider}: ${seconds.toFixed(2)} s, first call after ${callSeconds.toFixed(2)} s`,
    );
    await stage.replace(leader);
  }
  await stage.served();
  return taken;
}

interface Count {
  readonly runs: number;
  /** Runs that ended the leader while what he had begun was open. */
  readonly intents: number;
  readonly doubles: number;
}

async function counted(provider: ProviderName, lane: number, runs: number): Promise<Count> {
  await using stage = await openStage(provider, lane, QUICK);
  let intents = 0;
  for (let index = 0; index < runs; index++) {
    const { leader } = await stage.settled();
    stage.ask();
    await systemClock.sleep(millis(Math.floor(WORK_MS * stage.random())));
    await leader.process.kill();
    if (stage.scene.status()?.moves.some(({ phase }) => phase === "intended") === true) intents++;
    await stage.replace(leader);
  }
  await stage.served();
  return { runs, intents, doubles: stage.added() - stage.asked() };
}

interface Replica {
  readonly name: string;
  readonly process: CoordinatorProcess;
}

interface Stage extends AsyncDisposable {
  readonly scene: Scene;
  readonly random: Random;
  /** One of the two leads, has marked the policy and has served all pods; the other one knows all that it knows. */
  settled(): Promise<{ readonly leader: Replica; readonly other: Replica }>;
  /** A pod that needs a node of its own. Returns the world's instant. */
  ask(): number;
  /** Another process in the place of one that has ended. */
  replace(gone: Replica): Promise<void>;
  /** What the replica has changed since the last pod was asked for, the first of it. */
  firstWriteOf(replica: Replica): { readonly at: number } | undefined;
  /** The first call since then that changed something at the provider. */
  firstCall(): { readonly at: number } | undefined;
  /** Every pod has its node, and nothing more is on its way. */
  served(): Promise<void>;
  asked(): number;
  /** Nodes that groups were asked for, all together. */
  added(): number;
}

async function openStage(
  name: ProviderName,
  lane: number,
  env: Readonly<Record<string, string>>,
): Promise<Stage> {
  const scene = await openScene({ pools: [], heartbeatMs: millis(300_000) });
  const provider = await openProvider(name, scene, { answersAfterMs: CALL_MS });
  provider.addGroup(POOL, { desired: 0, capacityType: "spot", max: MAX_NODES });
  const random = seededRandom(100 + lane);
  // Nothing is to go while nodes are counted.
  scene.policy(
    policySpec([poolSpec(POOL, { maxSize: MAX_NODES, group: provider.groupOf(POOL) })], {
      maxNodes: MAX_NODES,
      maxPercentOrNodesAdded: { nodes: MAX_NODES, percent: 100 },
      emptySeconds: 3600,
      idleSeconds: 3600,
    }),
  );
  let started = 0;
  let asked = 0;
  let since = { audit: 0, calls: 0 };
  const start = async (): Promise<Replica> => {
    const replica = `replica-${started++}`;
    const process = await startCoordinator({
      kubeconfig: scene.kubeconfig,
      nats: scene.nats.url,
      env: { POD_NAME: replica, ...provider.env, ...env },
    });
    scene.also(() => process.kill());
    return { name: replica, process };
  };
  let replicas = [await start(), await start()];

  const isOf = (replica: Replica, identity: string | undefined): boolean =>
    identity?.startsWith(`${replica.name}_`) === true;
  const added = (): number =>
    scene.world.ledger.reduce(
      (sum, fact) => (fact.kind === "size-changed" ? sum + Math.max(0, fact.to - fact.from) : sum),
      0,
    );
  const isServed = (): boolean =>
    provider.size(POOL) >= asked &&
    scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length === asked &&
    scene.status()?.moves.every(({ phase }) => phase === "applied" || phase === "failed") === true;

  return {
    scene,
    random,
    settled: async () => {
      const roles = await scene.until(async () => {
        const leader = replicas.find((one) => isOf(one, scene.status()?.leader));
        const other = replicas.find((one) => one !== leader);
        if (leader === undefined || other === undefined || (asked > 0 && !isServed())) return null;
        const ready = await Promise.all(replicas.map(async ({ process }) => await isReady(process)));
        return ready.every(Boolean) ? { leader, other } : null;
      }, PATIENT);
      return roles;
    },
    ask: () => {
      since = { audit: scene.server.audit.length, calls: provider.calls().length };
      const from = scene.world.ledger.length;
      const id = `job-${asked++}`;
      scene.server.change((world) => world.submitJob({ id, gpus: 8, durationMs: millis(3_600_000) }));
      return scene.world.ledger.slice(from).find(({ kind }) => kind === "pod-created")?.at ?? Number.NaN;
    },
    replace: async (gone) => {
      replicas = [...replicas.filter((one) => one !== gone), await start()];
    },
    firstWriteOf: (replica) =>
      scene.server.audit.slice(since.audit).find(({ method, status, resource, body }) => {
        if (method === "GET" || status < 200 || status >= 300 || resource !== "autoscalingpolicies")
          return false;
        return isOf(replica, (body as { readonly status?: { readonly leader?: string } }).status?.leader);
      }),
    firstCall: () =>
      provider
        .calls()
        .slice(since.calls)
        .find(({ write }) => write),
    served: async () => {
      await scene.until(isServed, PATIENT);
      // Whatever would come twice has come by then.
      await systemClock.sleep(millis(3_000));
    },
    asked: () => asked,
    added,
    [Symbol.asyncDispose]: async () => await scene[Symbol.asyncDispose](),
  };
}

async function isReady({ url }: CoordinatorProcess): Promise<boolean> {
  return (await fetch(new URL("/readyz", url)).catch(() => null))?.ok === true;
}

/** Of all cores, from now until the function that comes back is called. */
function busyShare(): () => number {
  const look = () =>
    cpus().reduce(
      (sum, { times }) => {
        const all = times.user + times.nice + times.sys + times.irq + times.idle;
        return { all: sum.all + all, idle: sum.idle + times.idle };
      },
      { all: 0, idle: 0 },
    );
  const before = look();
  return () => {
    const now = look();
    return 1 - (now.idle - before.idle) / (now.all - before.all);
  };
}
