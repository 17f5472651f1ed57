// What an agent says of an interruption, for scenarios in which no agent runs: the messages and the connection by which
// they go to the coordinator's stream.

import { encode } from "../../shared/contract/codec.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import { drainMessageId } from "../../shared/contract/drain-report.ts";
import { noticeMessageId } from "../../shared/contract/notice.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import type { Scene } from "./scene.ts";

export function aNotice(node: string, overrides: Partial<NoticeMessage> = {}): NoticeMessage {
  const seenAt = systemClock.now();
  return {
    v: 1,
    node,
    id: `aws-${node}`,
    phase: "seen",
    source: "aws",
    seenAt,
    deadline: seenAt + 120_000,
    replace: true,
    pods: { low: 0, medium: 1, high: 0, system: 0 },
    ...overrides,
  };
}

/** A rebalance recommendation: nobody knows when, and nobody asks for a node. */
export function aHint(node: string, overrides: Partial<NoticeMessage> = {}): NoticeMessage {
  const notice = aNotice(node, {
    id: `hint-${node}`,
    kind: "rebalance",
    action: "rebalance",
    replace: false,
  });
  return { ...notice, deadline: notice.seenAt, ...overrides };
}

/** Connected, and closed with the scene. */
export async function natsOf(scene: Scene): Promise<Nats> {
  const nats = connectNats({
    servers: [scene.nats.url],
    name: "test",
    log: createLogSink().log,
    clock: systemClock,
    random: seededRandom(2),
  });
  scene.also(async () => await nats.close());
  await nats.whenConnected(AbortSignal.timeout(5_000));
  return nats;
}

/** Until it is stored: the coordinator makes the stream, and an agent tries again until it is there. */
export async function publishNotice(scene: Scene, nats: Nats, notice: NoticeMessage): Promise<void> {
  await scene.until(async () => {
    await nats.publishEvent(
      subjectFor("notice", notice.node),
      encode<"notice">(notice),
      noticeMessageId(notice),
    );
    return true;
  });
}

export async function publishDrain(scene: Scene, nats: Nats, report: DrainReport): Promise<void> {
  await scene.until(async () => {
    await nats.publishEvent(
      subjectFor("drain", report.node),
      encode<"drain">(report),
      drainMessageId(report),
    );
    return true;
  });
}
