// Google's metadata server: the preemption and the maintenance event by long poll, so that a change is seen as it
// happens, planned maintenance now and then, and who the machine is once. A server that does not wait is asked each
// second. What the answers mean is in gcp-answers.ts.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { Manner } from "./board.ts";
import { EVERY_SECOND_MS } from "./channels.ts";
import type { Channel } from "./channels.ts";
import { createMetadataClient, statusError } from "./client.ts";
import type { Answer, MetadataClient } from "./client.ts";
import type { CloudContext, CloudWatch } from "./cloud.ts";
import { readMaintenanceEvent, readPreempted, readUpcoming } from "./gcp-answers.ts";
import type { Upcoming } from "./gcp-answers.ts";
import { gcpIdentity } from "./machine.ts";
import { BYTES_AT_MOST, GCP, isGoogles, withinMs } from "./protocol.ts";
import type { Reading } from "./reading.ts";

const WITHIN_MS = 2_000;
const LONG_POLL_SECONDS = 60;
const LONG_POLL_WITHIN_MS = millis(70_000);
const UPCOMING_EVERY_MS = millis(60_000);
/** Of the 30 s that Google leaves, GKE's kubelet keeps the last half for system pods. */
const NOTICE_MS = millis(30_000);
const GKE_NOTICE_MS = millis(15_000);

export function watchGcp(context: CloudContext): CloudWatch {
  const { settings, nodeName: node, bootId, board, channels, clock, signal } = context;
  const newClient = (): MetadataClient =>
    createMetadataClient({ bases: context.bases, clock, maxBytes: BYTES_AT_MOST, maxSockets: 1 });
  // A long poll has its connection for itself.
  const clients = { preempted: newClient(), maintenance: newClient(), rest: newClient() };
  let clusterName: string | null = null;
  let upcoming: Upcoming | null = null;
  let onHostMaintenance: string | null = null;

  /** Of one that nobody has told where it is, the shorter: pods that leave early lose less than those that leave late. */
  function usualMs(): Millis {
    if (settings.gcpNotice !== null) return settings.gcpNotice;
    const known = context.ownNode();
    const isGke = known?.metadata.labels?.[NODE_LABEL.gkeNodePool] !== undefined || clusterName !== null;
    return isGke || known === undefined ? GKE_NOTICE_MS : NOTICE_MS;
  }

  const manner = { source: "gcp", usualMs, furthestMs: null, absences: 1 } as const;
  const preempted: Manner = { ...manner, place: "gcp preempted", leaves: "lived-through" };
  const maintenance: Manner = { ...manner, place: "gcp maintenance", leaves: "taken-back" };

  function watched(
    how: Manner,
    key: string,
    client: MetadataClient,
    read: (body: string | null) => Reading,
    isUrgent: boolean,
  ): Channel & { readonly again: () => void } {
    const what = `read instance/${key} of Google's metadata`;
    let etag: string | null = null;
    let heard = false;
    let last: string | null = null;
    const take = (body: string | null, answer: Answer | null): void => {
      const reading = read(body);
      board.take(reading, how, answer?.serverNow ?? null);
      if (reading.flaw !== null) throw new AppError("malformed", reading.flaw);
    };
    return {
      place: how.place,
      everyMs: EVERY_SECOND_MS,
      matters: true,
      isUrgent: () => isUrgent,
      again: () => {
        if (heard) take(last, null);
      },
      ask: async (failures) => {
        const waitsFor = etag;
        // A change that came while nobody listened would be waited out, so what comes first is a plain question.
        etag = null;
        const query =
          waitsFor === null
            ? ""
            : `?wait_for_change=true&timeout_sec=${LONG_POLL_SECONDS}&last_etag=${encodeURIComponent(waitsFor)}`;
        const answer = await client.ask(
          {
            path: `${GCP.data}${key}${query}`,
            headers: GCP.headers,
            withinMs: waitsFor === null ? withinMs(WITHIN_MS, failures) : LONG_POLL_WITHIN_MS,
            what,
          },
          signal,
        );
        const body = known(answer, what) ? answer.body : null;
        take(body, answer);
        const { etag: next } = answer.headers;
        etag = body !== null && next !== undefined && next !== "" && next.length <= 256 ? next : null;
        const changed = waitsFor === null ? etag !== null : body !== last;
        heard = true;
        last = body;
        // Machines that nothing is announced to do not have every key, and seldom come to have one.
        if (body === null) return "idle";
        return changed ? "again" : "usual";
      },
    };
  }

  const machine = { node, bootId };
  const preemption = watched(
    preempted,
    "preempted",
    clients.preempted,
    (body) => {
      if (body !== null) return readPreempted(body, machine);
      // A machine's own server always has it.
      return {
        seen: [],
        flaw: "instance/preempted is not there: this is not the machine's own metadata server, which an agent on the host's network reaches",
      };
    },
    true,
  );
  const event = watched(
    maintenance,
    "maintenance-event",
    clients.maintenance,
    (body) =>
      readMaintenanceEvent(body ?? "NONE", machine, {
        upcoming,
        endsMachine: onHostMaintenance === "TERMINATE",
      }),
    false,
  );

  async function get(path: string): Promise<string | null> {
    const what = `read instance/${path} of Google's metadata`;
    const question = { path: `${GCP.data}${path}`, headers: GCP.headers, withinMs: millis(WITHIN_MS), what };
    const answer = await clients.rest.ask(question, signal);
    return known(answer, what) ? answer.body : null;
  }

  const planned: Channel = {
    place: "gcp upcoming maintenance",
    everyMs: UPCOMING_EVERY_MS,
    matters: false,
    isUrgent: () => false,
    ask: async () => {
      // Only some machines have it; others answer with an error of any kind.
      const body = await get("upcoming-maintenance?alt=json").catch(() => null);
      signal.throwIfAborted();
      upcoming = body === null ? null : readUpcoming(body);
      event.again();
      return "usual";
    },
  };

  const identified: Channel = {
    place: "gcp identity",
    everyMs: UPCOMING_EVERY_MS,
    matters: false,
    isUrgent: () => false,
    ask: async () => {
      clusterName = await get("attributes/cluster-name");
      onHostMaintenance = (await get("scheduling/on-host-maintenance"))?.trim().toUpperCase() ?? null;
      const said = {
        id: await get("id"),
        machineType: await get("machine-type"),
        zone: await get("zone"),
        preemptible: await get("scheduling/preemptible"),
      };
      context.onIdentity(gcpIdentity(said));
      return "over";
    },
  };

  const all = [preemption, event, planned, identified];
  const ended = Promise.all(all.map((channel) => channels.run(channel))).then(() => {
    for (const client of Object.values(clients)) client.close();
  });
  return { ended };
}

/** False: there is no such key. @throws AppError when the answer is neither, or not Google's. */
function known(answer: Answer, what: string): boolean {
  if (answer.status !== 200 && answer.status !== 404) throw statusError(what, answer);
  if (!isGoogles(answer))
    throw new AppError("malformed", `cannot ${what}: what answers there is not Google's metadata server`);
  return answer.status === 200;
}
