// What an agent's scenarios read of it from outside: its page, its reports, its words on health, the writes of its that
// the API server saw. Nothing here knows how the agent comes to them.

import { decode } from "../../shared/contract/codec.ts";
import type { GpuReport } from "../../shared/contract/gpu-report.ts";
import type { HealthMessage } from "../../shared/contract/health.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { Condition } from "../../shared/model/kube.ts";
import { NODE_CONDITION, STREAM } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { consumeEvents } from "../../shared/runtime/nats-jetstream.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import type { AgentProcess } from "../build/agent.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import type { Scene } from "./agent-scene.ts";

type HealthBody = HealthMessage["health"];
export type ToldEvent = Extract<HealthBody, { kind: "event" }> & { readonly heardAtMs: number };
export type ToldFindings = Extract<HealthBody, { kind: "findings" }> & { readonly heardAtMs: number };

/** The shortest rhythms that the settings allow. */
export const QUICK: Readonly<Record<string, string>> = {
  GPUAS_SAMPLE_INTERVAL: "200ms",
  GPUAS_SLOW_INTERVAL: "1s",
  GPUAS_REPORT_INTERVAL: "500ms",
};

export function reportsOf(scene: Scene): readonly GpuReport[] {
  return scene.heard.flatMap((one) => (one.kind === "report" ? [one.message] : []));
}

/** The first report, of those after the first `from`, that fits. */
export async function untilReported(
  scene: Scene,
  what: string,
  fits: (report: GpuReport) => boolean,
  { from = 0, withinMs }: { readonly from?: number; readonly withinMs?: number } = {},
): Promise<GpuReport> {
  const find = (): GpuReport | undefined => reportsOf(scene).slice(from).find(fits);
  await scene.until(what, () => find() !== undefined, withinMs);
  const found = find();
  if (found === undefined) throw new Error(what);
  return found;
}

export function toldEvents(scene: Scene): readonly ToldEvent[] {
  return scene.heard.flatMap(({ kind, message, atMs }) =>
    kind === "health" && message.health.kind === "event" ? [{ ...message.health, heardAtMs: atMs }] : [],
  );
}

export function toldFindings(scene: Scene): readonly ToldFindings[] {
  return scene.heard.flatMap(({ kind, message, atMs }) =>
    kind === "health" && message.health.kind === "findings" ? [{ ...message.health, heardAtMs: atMs }] : [],
  );
}

/** What the stream keeps of it, up to the first message that fits: whoever was away meanwhile reads the same. */
export async function storedHealth(
  scene: Scene,
  fits: (message: HealthMessage) => boolean,
): Promise<readonly HealthMessage[]> {
  const clock = systemClock;
  const { log } = createLogSink();
  const random = seededRandom(5);
  const nats = connectNats({ servers: [scene.nats.url], name: "reader", log, clock, random });
  const signal = AbortSignal.timeout(20_000);
  const stored: HealthMessage[] = [];
  try {
    await nats.whenConnected(signal);
    const reading = {
      stream: STREAM,
      subjects: [subjectFor("health", scene.node)],
      start: { kind: "since", at: epochMs(0) } as const,
      signal,
      clock,
      log,
      random,
    };
    for await (const { subject, data } of consumeEvents(nats, reading)) {
      const answer = decode("health", subject, data);
      if (answer.kind === "refused") throw new Error(`${subject}: ${answer.code} ${answer.detail}`);
      stored.push(answer.message);
      if (fits(answer.message)) break;
    }
    return stored;
  } finally {
    await nats.close();
  }
}

export async function page(
  agent: Pick<AgentProcess, "url">,
  path = "/metrics",
): Promise<{ readonly status: number; readonly body: string }> {
  const answer = await fetch(new URL(path, agent.url));
  return { status: answer.status, body: await answer.text() };
}

/** Waits for a page that fits, by asking again and again as a scraper does. */
export async function untilPage(
  scene: Scene,
  agent: Pick<AgentProcess, "url">,
  what: string,
  fits: (body: string) => boolean,
  withinMs = 20_000,
): Promise<string> {
  const giveUpAt = systemClock.monotonic() + withinMs;
  for (;;) {
    const { body } = await page(agent);
    if (fits(body)) return body;
    // Ends with the agent's last lines.
    if (systemClock.monotonic() > giveUpAt) await scene.until(`a page with ${what}`, () => false, 0);
    await systemClock.sleep(millis(50));
  }
}

/** The lines of one family, without those that describe it. */
export function seriesOf(body: string, family: string): readonly string[] {
  return body.split("\n").filter((line) => line.startsWith(`${family}{`));
}

export function conditionOf(scene: Scene, type: string = NODE_CONDITION.gpuHealthy): Condition | undefined {
  return scene.currentNode().status?.conditions?.find((one) => one.type === type);
}

/** What the agent has written as GpuHealthy, one status for each write. */
export function conditionWrites(scene: Scene): readonly string[] {
  return scene.server.audit
    .filter(
      ({ subresource, resource, method }) =>
        resource === "nodes" && subresource === "status" && method === "PATCH",
    )
    .flatMap(
      ({ body }) => (body as { status?: { conditions?: Condition[] } } | null)?.status?.conditions ?? [],
    )
    .filter(({ type }) => type === NODE_CONDITION.gpuHealthy)
    .map(({ status }) => status);
}

/** Each kind of write of the agent, once: verb, resource and subresource. */
export function writesOf(scene: Scene): readonly string[] {
  const writes = scene.server.audit
    .filter(({ method, userAgent }) => method !== "GET" && userAgent.startsWith("gpu-autoscaler-agent"))
    .map(({ method, resource, subresource }) => [method, resource, subresource].filter(Boolean).join(" "));
  return [...new Set(writes)].toSorted();
}

export function uuidOf(gpu: ScenarioGpu): string {
  if (gpu.uuid === undefined) throw new Error("a GPU of a scenario without a UUID");
  return gpu.uuid;
}
