// EC2's metadata (IMDSv2): the spot notice each second where the machine may be taken, the rebalance recommendation and
// maintenance at their own pace, and who the machine is once. What the answers mean is in aws-answers.ts.

import { capacityTypeOf } from "../../../shared/model/node.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { readInstanceAction, readMaintenance, readRebalance } from "./aws-answers.ts";
import { createTokens } from "./aws-token.ts";
import type { Manner } from "./board.ts";
import { EVERY_SECOND_MS } from "./channels.ts";
import type { Channel, Next } from "./channels.ts";
import { createMetadataClient, statusError } from "./client.ts";
import type { Answer } from "./client.ts";
import type { CloudContext, CloudWatch } from "./cloud.ts";
import { awsIdentity } from "./machine.ts";
import type { Identity } from "./machine.ts";
import { AWS, BYTES_AT_MOST, FURTHEST_MS } from "./protocol.ts";
import { NOTHING } from "./reading.ts";
import type { Reading } from "./reading.ts";

const REBALANCE_EVERY_MS = millis(10_000);
const MAINTENANCE_EVERY_MS = millis(30_000);
const WITHIN_MS: Millis = millis(1_000);

export function watchAws(context: CloudContext): CloudWatch {
  const { settings, nodeName, board, channels, clock, log, signal } = context;
  // Two connections: a slow answer about maintenance must not hold up the spot notice.
  const client = createMetadataClient({
    bases: context.bases,
    clock,
    maxBytes: BYTES_AT_MOST,
    maxSockets: 2,
  });
  const tokens = createTokens({ client, v1: settings.awsMetadataV1, clock, log, signal });
  let identity: Identity | null = null;

  /** @throws AppError for anything but 200 and 404. */
  async function get(path: string, what: string): Promise<Answer> {
    const token = await tokens.current();
    const first = await getWith(token, path, what);
    if (first.status !== 401 || token === null) return known(first, what);
    // It may have expired, or be of a machine that was restored from an image of this one.
    tokens.refused(token);
    const fresh = await tokens.current();
    const second = await getWith(fresh, path, what);
    if (second.status === 401 && fresh !== null) tokens.refused(fresh);
    return known(second, what);
  }

  async function getWith(token: string | null, path: string, what: string): Promise<Answer> {
    const headers = token === null ? {} : { [AWS.tokenHeader]: token };
    return await client.ask({ path, headers, withinMs: WITHIN_MS, what }, signal);
  }

  /** What the metadata says of the contract wins over the labels of the node. */
  function mayBeTaken(): boolean {
    const lifecycle = identity?.lifecycle;
    const labels = context.ownNode()?.metadata.labels;
    return lifecycle === undefined || lifecycle === "spot" || capacityTypeOf(labels) === "spot";
  }

  const manner = { source: "aws", usualMs: () => settings.awsNotice, furthestMs: FURTHEST_MS } as const;
  const spot: Manner = { ...manner, place: "aws spot", absences: 3, leaves: "lived-through", single: true };
  const rebalance: Manner = { ...manner, place: "aws rebalance", absences: 3, leaves: "taken-back" };
  const maintenance: Manner = { ...manner, place: "aws maintenance", absences: 1, leaves: "taken-back" };

  function watched(
    how: Manner,
    path: string,
    everyMs: Millis,
    read: (body: string, node: string) => Reading,
    options: { readonly isAsked: () => boolean; readonly isUrgent: () => boolean },
  ): Channel {
    const what = `read ${path} of AWS metadata`;
    return {
      place: how.place,
      everyMs,
      matters: true,
      isUrgent: options.isUrgent,
      ask: async (): Promise<Next> => {
        if (!options.isAsked()) return "idle";
        const { status, body, serverNow } = await get(`${AWS.data}${path}`, what);
        const reading = status === 404 ? NOTHING : read(body, nodeName);
        board.take(reading, how, serverNow);
        if (reading.flaw !== null) throw new AppError("malformed", reading.flaw);
        return "usual";
      },
    };
  }

  const identified: Channel = {
    place: "aws identity",
    everyMs: MAINTENANCE_EVERY_MS,
    matters: false,
    isUrgent: () => false,
    ask: async () => {
      const what = "read the identity of the machine in AWS metadata";
      const document = await get(AWS.identity, what);
      if (document.status === 404) throw statusError(what, document);
      const text = async (path: string): Promise<string | null> => {
        const answer = await get(`${AWS.data}${path}`, what);
        return answer.status === 404 ? null : answer.body;
      };
      const lifecycle = await text("instance-life-cycle");
      const zoneId = await text("placement/availability-zone-id");
      identity = awsIdentity({ document: document.body, lifecycle, zoneId });
      context.onIdentity(identity);
      return "over";
    },
  };

  const isSpot = { isAsked: mayBeTaken, isUrgent: () => true };
  const all = [
    watched(spot, "spot/instance-action", EVERY_SECOND_MS, readInstanceAction, isSpot),
    watched(rebalance, "events/recommendations/rebalance", REBALANCE_EVERY_MS, readRebalance, {
      isAsked: mayBeTaken,
      isUrgent: () => false,
    }),
    watched(maintenance, "events/maintenance/scheduled", MAINTENANCE_EVERY_MS, readMaintenance, {
      isAsked: () => true,
      isUrgent: () => !mayBeTaken(),
    }),
    identified,
  ];
  const ended = Promise.all(all.map((channel) => channels.run(channel))).then(() => {
    client.close();
  });
  return { ended };
}

function known(answer: Answer, what: string): Answer {
  if (answer.status === 200 || answer.status === 404) return answer;
  throw statusError(what, answer);
}
