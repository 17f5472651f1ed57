// Plays one cell of the crash matrix: brings a move about, kills the leading coordinator at the cell's point with
// SIGKILL, lets a successor finish, and says what is wrong with what is left. What it looks at is the world and the
// provider, never a program's own claims; only the count of cycles is the successor's word.

import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { NODE_ANNOTATION, POLICY } from "../../shared/model/names.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { lastLines } from "../build/program.ts";
import { aQuickPool, openScene, policySpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import type { Moment } from "../world/server.ts";
import type { Cell, Deed, Point } from "./cells.ts";
import { nameOfCell } from "./cells.ts";
import { notice, standInForAgents } from "./stand-in-agent.ts";
import type { OpenStand, Stand } from "./stand.ts";

export interface Verdict {
  readonly cell: string;
  /** Whether the coordinator was killed where it should be. A cell that was not hit proves nothing. */
  readonly hit: boolean;
  /** Cycles that the successor took until nothing of its predecessor was left open. */
  readonly cycles: number;
  readonly faults: readonly string[];
}

/** Of the group that the deed is about, and of the other one. */
const POOL = "a";
const OTHER = "b";
const KIND = {
  grow: "grow",
  remove: "shrink",
  drain: "shrink",
  replace: "replace",
  release: "release",
} as const satisfies Record<Deed, MoveState["kind"]>;
/** The notice gives a machine so long: a successor is there and has waited where it has to, on a slow machine too. */
const NOTICE_MS = 40_000;
/** Its agent empties it no sooner than so long after the notice, and it goes no sooner than so long after that. */
const DRAIN_MS = 2_000;
const EMPTY_MS = 1_000;
const LOOK_MS = 50;
/** A call of the coordinator may take so long here, so that a late answer is late soon. */
const CALL_DEADLINE = "1s";
const MOST_CYCLES = 2;
/** A call of the dead leader may still arrive for so long, and nobody may conclude anything before: late.ts, quiet.ts. */
const MAYBE_MS = 4_500;
const WITHIN = { withinMs: 30_000 };

export async function playCell(cell: Cell, openStand: OpenStand): Promise<Verdict> {
  await using scene = await openScene({
    pools: [
      aQuickPool({
        name: "cpu",
        capacityType: "on-demand",
        allocatable: { cpu: "16", memory: "64Gi", pods: "110" },
      }),
    ],
  });
  const stand = await openStand(scene);
  const env = { GPUAS_CALL_DEADLINE: CALL_DEADLINE, ...stand.env };
  // What the provider has made in between and is a node already stays until a decision finds it empty.
  const spare = stand.spare?.(cell) ?? 0;
  const play = await prepare(cell.deed, scene, stand, spare);

  // 1. The leader, a rival where the cell has one, and the trap.
  const first = await scene.coordinator({ env: { ...env, POD_NAME: "first" } });
  const rival =
    cell.trouble === "rival"
      ? await scene.coordinator({ env: { ...env, POD_NAME: "second" }, waitFor: "listening" })
      : null;
  const trap = setTrap(cell, { scene, stand, first });
  play.begin();
  await Promise.race([scene.until(() => trap.hit(), WITHIN), first.exited]);
  if (!trap.hit()) throw new Error(`the first coordinator ended by itself:\n${lastLines(first.logs)}`);
  await trap.sprung;

  // 2. A successor, and how many cycles it takes to close what it found open.
  const found = openMoves(scene);
  const second = rival ?? (await scene.coordinator({ env: { ...env, POD_NAME: "second" } }));
  const cycles = await cyclesUntilClosed(found, scene, second);

  // 3. The end of the deed, and that it stays.
  const faults: string[] = [];
  try {
    await scene.until(() => play.isDone() && openMoves(scene).size === 0, WITHIN);
  } catch (error) {
    faults.push(`it does not come to its end: ${error instanceof Error ? error.message.slice(0, 1500) : ""}`);
  }
  await untilCyclesPass(second, 3, scene);
  faults.push(...faultsOf(play, scene, stand, spare));
  if (cycles > MOST_CYCLES) faults.push(`it took ${cycles} cycles to settle what was open`);
  return { cell: `${stand.name}: ${nameOfCell(cell)}`, hit: trap.hit(), cycles, faults };
}

/** What brings the deed about, and what the world must look like when it is done. */
interface Play {
  begin(): void;
  isDone(): boolean;
  /** Pool → machines that it may have been given in all. */
  readonly made: Readonly<Record<string, number>>;
  readonly desired: Readonly<Record<string, number>>;
}

async function prepare(deed: Deed, scene: Scene, stand: Stand, spare: number): Promise<Play> {
  const policy = (overrides: Readonly<Record<string, unknown>> = {}): void =>
    scene.policy(
      policySpec(
        [
          aPoolSpec(stand, POOL, "spot"),
          ...(deed === "replace" || deed === "release" ? [aPoolSpec(stand, OTHER, "on-demand")] : []),
        ],
        overrides,
      ),
    );
  const nodesOf = (pool: string): readonly string[] =>
    scene.world
      .list("nodes")
      .filter(({ metadata }) => metadata.labels?.["gpu-autoscaler.io/pool"] === pool)
      .map(({ metadata }) => metadata.name);
  const runs = (): number => scene.world.list("pods").filter((pod) => pod.status?.phase === "Running").length;

  stand.addGroup(POOL, { desired: deed === "grow" ? 0 : 1, capacityType: "spot" });
  if (deed !== "grow")
    await scene.until(() => nodesOf(POOL).length === 1 && isReady(scene, nodesOf(POOL)[0]));
  const train = (): void =>
    scene.server.change((world) =>
      world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000), maxGpusPerPod: 8 }),
    );

  switch (deed) {
    case "grow":
      policy();
      return {
        begin: train,
        isDone: () => runs() === 1,
        made: { [POOL]: 1 },
        desired: { [POOL]: 1 },
      };
    case "remove":
      return {
        begin: () => policy(),
        isDone: () => stand.desired(POOL) === 0 && nodesOf(POOL).length === 0,
        made: { [POOL]: 1 },
        desired: { [POOL]: 0 },
      };
    case "drain": {
      scene.server.change((world) => world.submitService({ name: "web", replicas: 1, cpu: "1" }));
      await scene.until(() => runs() === 1);
      scene.server.change((world) => world.scale({ namespace: "default", name: "cpu" }, 1));
      await scene.until(() => scene.world.list("nodes").length === 2);
      standInForAgents(scene);
      return {
        begin: () => policy({ emptySeconds: 600 }),
        isDone: () => stand.desired(POOL) === 0 && nodesOf(POOL).length === 0 && runs() === 1,
        made: { [POOL]: 1 },
        desired: { [POOL]: 0 },
      };
    }
    case "replace":
    case "release": {
      stand.addGroup(OTHER, { desired: 0, capacityType: "on-demand" });
      train();
      await scene.until(() => runs() === 1);
      policy({ emptySeconds: 600, idleSeconds: 600 });
      const [node = ""] = nodesOf(POOL);
      return {
        begin: () => {
          const deadline = epochMs(systemClock.now() + NOTICE_MS);
          notice(scene, node, deadline, "started");
          scene.server.change((world) => world.interrupt(node, deadline));
          takeWhenLeft(node, deadline, { scene, stand, spare });
        },
        isDone: () =>
          nodesOf(POOL).length <= spare &&
          stand.desired(POOL) <= spare &&
          !nodesOf(POOL).includes(node) &&
          stand.desired(OTHER) === 1 &&
          runs() === 1,
        made: { [POOL]: 1, [OTHER]: 1 },
        desired: { [POOL]: 0, [OTHER]: 1 },
      };
    }
    default:
      return deed satisfies never;
  }
}

/**
 * Empties the machine when its replacement was made, and takes it when its group has let it go: both are what the
 * cell waits for, so how fast this computer is decides nothing. At `deadline` it goes in any case.
 */
function takeWhenLeft(
  node: string,
  deadline: EpochMs,
  { scene, stand, spare }: { readonly scene: Scene; readonly stand: Stand; readonly spare: number },
): void {
  const begunAt = systemClock.now();
  let drainedAt: EpochMs | null = null;
  const timer = setInterval(() => {
    const now = systemClock.now();
    if (drainedAt === null) {
      if (now < begunAt + DRAIN_MS || stand.made(OTHER) === 0) return;
      drainedAt = now;
      notice(scene, node, deadline, "drained");
    } else if (now >= drainedAt + EMPTY_MS && stand.desired(POOL) <= spare) {
      clearInterval(timer);
      scene.server.change((world) => world.interrupt(node, now));
    }
  }, LOOK_MS);
  scene.also(async () => await Promise.resolve(clearInterval(timer)));
}

function aPoolSpec(
  stand: Stand,
  name: string,
  capacityType: "spot" | "on-demand",
): Readonly<Record<string, unknown>> {
  return {
    name,
    capacityType,
    maxSize: 5,
    group: stand.groupOf(name),
    template: {
      allocatable: { cpu: "96", memory: "1000Gi", pods: "110", "nvidia.com/gpu": "8" },
    },
  };
}

interface Trap {
  /** The coordinator is dead. */
  readonly sprung: Promise<void>;
  hit(): boolean;
}

function setTrap(
  { deed, point, trouble }: Cell,
  {
    scene,
    stand,
    first,
  }: { readonly scene: Scene; readonly stand: Stand; readonly first: CoordinatorProcess },
): Trap {
  let hit = false;
  let conflicts = trouble === "conflict" ? 1 : 0;
  const undo: (() => void)[] = [];
  const { promise: sprung, resolve } = Promise.withResolvers<void>();
  const spring = async (): Promise<void> => {
    if (hit) return;
    hit = true;
    await first.kill();
    for (const one of undo) one();
    resolve();
  };
  if (trouble === "lost" || trouble === "late") stand.trouble(trouble);
  // Another hand writes the object at that very moment, so that what is on its way rests on an older version.
  const disturb = (): void => {
    conflicts--;
    scene.server.change((world) => {
      const policy = world.get("autoscalingpolicies", { name: "gpus" });
      if (policy === null) return;
      const annotations = { ...policy.metadata.annotations, touched: String(conflicts) };
      world.put("autoscalingpolicies", { ...policy, metadata: { ...policy.metadata, annotations } });
    });
  };
  undo.push(
    scene.server.onRequest(async (moment) => {
      if (!isStatusWrite(moment) || !writesPhase(moment, { deed, point, scene })) return;
      if (conflicts > 0 && moment.when === "before") disturb();
      else if (point.at === "status" && point.when === moment.when) await spring();
    }),
  );
  if (point.at === "call") {
    const pool = deed === "replace" ? OTHER : POOL;
    undo.push(
      stand.onWrite(async (moment) => {
        if (moment.when !== "before" || moment.pool !== pool) return;
        if (conflicts > 0) disturb();
        await spring();
      }),
    );
  }
  return { sprung, hit: () => hit };
}

function isStatusWrite({ method, path, userAgent }: Moment): boolean {
  return (
    method === "PUT" && path.endsWith(`/${POLICY.plural}/gpus/status`) && userAgent.includes("coordinator")
  );
}

/** Whether this write brings a move of the deed's kind into the point's phase. */
function writesPhase(
  { body, when }: Moment,
  { deed, point, scene }: { readonly deed: Deed; readonly point: Point; readonly scene: Scene },
): boolean {
  if (point.at !== "status") return false;
  const next = parsePolicyStatus((JSON.parse(body) as { readonly status?: unknown }).status)?.moves ?? [];
  const before = scene.status()?.moves ?? [];
  return next.some(
    (move) =>
      move.kind === KIND[deed] &&
      move.phase === point.phase &&
      // Afterwards the world has it already.
      (when === "after" || !before.some(({ key, phase }) => key === move.key && phase === move.phase)),
  );
}

/** Keys of moves that have begun and not ended, drains that go their way left out. */
function openMoves(scene: Scene): ReadonlySet<string> {
  const open = (scene.status()?.moves ?? []).filter(({ phase }) => phase === "intended");
  return new Set(open.map(({ key }) => key));
}

/** Cycles from when the successor may conclude something to when nothing of what was open is open any more. */
async function cyclesUntilClosed(
  found: ReadonlySet<string>,
  scene: Scene,
  second: CoordinatorProcess,
): Promise<number> {
  await second.line(({ message }) => message === "leading");
  if (found.size === 0) return 0;
  const mayConcludeAt = performance.now() + MAYBE_MS;
  let before = 0;
  return await scene
    .until(async () => {
      const cycles = (await cyclesOf(second)) ?? 0;
      if (performance.now() < mayConcludeAt) before = cycles;
      const open = openMoves(scene);
      return [...found].some((key) => open.has(key)) ? null : { cycles: cycles - before };
    }, WITHIN)
    .then(({ cycles }) => cycles);
}

async function untilCyclesPass(program: CoordinatorProcess, count: number, scene: Scene): Promise<void> {
  const from = (await cyclesOf(program)) ?? 0;
  await scene.until(async () => ((await cyclesOf(program)) ?? 0) >= from + count, WITHIN);
}

async function cyclesOf(program: CoordinatorProcess): Promise<number | null> {
  return await program.metric("gpu_autoscaler_reconcile_duration_seconds_count");
}

function faultsOf(play: Play, scene: Scene, stand: Stand, spare: number): readonly string[] {
  const faults: string[] = [];
  for (const [pool, most] of Object.entries(play.made))
    if (stand.made(pool) < most || stand.made(pool) > most + spare)
      faults.push(`group ${pool} was given ${stand.made(pool)} machines, not ${most}`);
  for (const [pool, size] of Object.entries(play.desired))
    if (stand.desired(pool) < size || stand.desired(pool) > size + spare)
      faults.push(`group ${pool} has size ${stand.desired(pool)}, not ${size}`);
  faults.push(...stand.forgotten().map((id) => `machine ${id} runs and nobody accounts for it`));
  for (const { metadata, spec } of scene.world.list("nodes")) {
    if (spec?.unschedulable === true) faults.push(`node ${metadata.name} is still cordoned`);
    if ((spec?.taints ?? []).length > 0) faults.push(`node ${metadata.name} still has a taint`);
    if (metadata.annotations?.[NODE_ANNOTATION.drainRequest] !== undefined)
      faults.push(`node ${metadata.name} is still asked to drain`);
  }
  return faults;
}

function isReady(scene: Scene, name: string | undefined): boolean {
  const node = name === undefined ? null : scene.world.get("nodes", { name });
  return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}
