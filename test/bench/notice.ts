// How long a notice stands in a cloud's metadata until the shipped agent has seen it: from the moment at which the fake
// shows it to the agent's own `seenAt`, which is the same clock, and, so that nobody's word is taken alone, to the arrival
// of its message. Each notice meets an agent that began anew. Their phases are spread over the whole of the interval at
// which the agent is seen to ask, one in each fortieth of it: by chance alone the middle of 40 would be off by a tenth.

import type { CloudSource } from "../../shared/model/interruption.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { startCloudMetadata } from "../build/metadata.ts";
import type { CloudMetadata } from "../build/metadata.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import type { Scene } from "../scenarios/agent-scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const NOTICES = 40;
const NOTICE_MS = 120_000;
/** Has no divisor in common with the number of notices: each phase once, and none beside its neighbour. */
const STRIDE = 17;
/** Where no interval is seen, since the agent waits for the change. */
const WAIT_AT_MOST_MS = 1_000;

interface Latency {
  readonly seenS: number;
  readonly heardS: number;
}

export async function run(): Promise<Figure[]> {
  const aws = await measure("aws");
  const azure = await measure("azure");
  const gcp = await measure("gcp");
  const all = [...aws, ...azure, ...gcp];
  return [
    figure("aws_max_s", worst(aws), "s", { max: 1 }),
    figure("aws_p50_s", middle(aws), "s", { max: 0.5 }),
    figure("azure_max_s", worst(azure), "s", { max: 1 }),
    figure("azure_p50_s", middle(azure), "s", { max: 0.5 }),
    figure("gcp_max_s", worst(gcp), "s", { max: 0.3 }),
    // What the agent says of itself is true: its message is there soon after.
    figure("seen_to_heard_max_s", Math.max(...all.map(({ seenS, heardS }) => heardS - seenS)), "s", {
      max: 0.3,
    }),
  ];
}

async function measure(source: CloudSource): Promise<readonly Latency[]> {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  await using scene = await createScene();
  await using metadata = await startCloudMetadata(source, systemClock);
  const fresh = marksOf(scene);
  const found: Latency[] = [];
  for (let i = 0; i < NOTICES; i++) {
    metadata.renew();
    const asked = metadata.endpoint.requests.length;
    const agent = await scene.agent({ env: metadata.env });
    await scene.until(`${source}'s metadata is watched`, () => watched(metadata, asked) !== null);
    await untilPhase((((i * STRIDE) % NOTICES) + random()) / NOTICES, metadata, asked);

    const visible = metadata.terminate(epochMs(systemClock.now() + NOTICE_MS));
    await scene.until(
      `notice ${i + 1} of ${source} is heard`,
      () => heardFrom(scene, source, visible) !== null,
    );
    const heard = heardFrom(scene, source, visible);
    if (heard === null) throw new Error("what was heard is gone");
    found.push({ seenS: (heard.seenAt - visible) / 1000, heardS: (heard.atMs - visible) / 1000 });
    await agent.kill();
    await restore(scene, fresh);
  }
  if (metadata.endpoint.breaches.length > 0)
    throw new Error(
      `the agent did not keep to ${source}'s protocol: ${metadata.endpoint.breaches.join("; ")}`,
    );
  tell(source, seed, found);
  return found;
}

interface Watched {
  readonly lastAtMs: number;
  readonly everyMs: number;
}

/** Null as long as it has not asked twice, or where it waits for changes, no such wait stands. */
function watched({ source, endpoint, noticePath }: CloudMetadata, from: number): Watched | null {
  const asked = endpoint.requests.slice(from).filter(({ path }) => path.startsWith(noticePath));
  const last = asked.at(-1);
  const before = asked.at(-2);
  if (last === undefined || before === undefined) return null;
  if (source !== "gcp") return { lastAtMs: last.at, everyMs: last.at - before.at };
  const waits = asked.some(({ query, status }) => query.includes("wait_for_change=true") && status === null);
  return waits ? { lastAtMs: systemClock.now(), everyMs: WAIT_AT_MOST_MS } : null;
}

/** Resolves so far, from 0 to 1, between the next time that the agent asks and the one after it. */
async function untilPhase(share: number, metadata: CloudMetadata, from: number): Promise<void> {
  const { endpoint, noticePath, source } = metadata;
  if (source !== "gcp") {
    const before = endpoint.requests.filter(({ path }) => path.startsWith(noticePath)).length;
    await endpoint.received(noticePath, before + 1);
  }
  const seen = watched(metadata, from);
  if (seen === null) throw new Error("what was watched is watched no longer");
  const dueMs = seen.lastAtMs + share * seen.everyMs;
  await systemClock.sleep(millis(Math.max(0, dueMs - systemClock.now())));
}

function heardFrom(
  scene: Scene,
  source: CloudSource,
  visible: number,
): { readonly seenAt: number; readonly atMs: number } | null {
  for (const one of scene.heard)
    if (
      one.kind === "notice" &&
      one.atMs >= visible &&
      one.message.source === source &&
      one.message.phase === "seen" &&
      (one.message.kind ?? "termination") === "termination"
    )
      return { seenAt: one.message.seenAt, atMs: one.atMs };
  return null;
}

type Marks = Readonly<Record<"annotations" | "labels", readonly string[]>>;

function marksOf(scene: Scene): Marks {
  const { annotations = {}, labels = {} } = scene.currentNode().metadata;
  return { annotations: Object.keys(annotations), labels: Object.keys(labels) };
}

/** The node as it was before the notice, so that the next agent finds nothing of this one. */
async function restore(scene: Scene, before: Marks): Promise<void> {
  const now = marksOf(scene);
  const gone = (kind: keyof Marks): Readonly<Record<string, null>> =>
    Object.fromEntries(now[kind].filter((key) => !before[kind].includes(key)).map((key) => [key, null]));
  await scene.kubectl.mergePatch(
    RESOURCE.nodes,
    { name: scene.node },
    {
      metadata: { annotations: gone("annotations"), labels: gone("labels") },
      spec: { taints: null, unschedulable: null },
    },
  );
}

const worst = (found: readonly Latency[]): number => Math.max(...found.map(({ seenS }) => seenS));
const middle = (found: readonly Latency[]): number =>
  quantile(
    found.map(({ seenS }) => seenS),
    0.5,
  );

function tell(source: string, seed: number, found: readonly Latency[]): void {
  const seen = found.map(({ seenS }) => seenS);
  const heard = found.map(({ heardS }) => heardS);
  const shown = [0, 0.5, 0.9, 1].map((share) => quantile(seen, share).toFixed(3)).join(", ");
  console.error(
    `notice: ${source}: ${found.length} notices (phases by seed ${seed}), seen after (least, p50, p90, most) ${shown} s; heard after at most ${Math.max(...heard).toFixed(3)} s`,
  );
}
