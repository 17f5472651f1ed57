// Azure's scheduled events each second, and who the machine is once. The first answer may take two minutes, in which
// the platform switches the events on. What the answers mean is in azure-answers.ts.

import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { pause } from "../../../shared/runtime/retry.ts";
import { readScheduledEvents } from "./azure-answers.ts";
import type { AzureEvent, AzureReading } from "./azure-answers.ts";
import type { Manner } from "./board.ts";
import { EVERY_SECOND_MS } from "./channels.ts";
import type { Channel } from "./channels.ts";
import { createMetadataClient, statusError } from "./client.ts";
import type { CloudContext, CloudWatch } from "./cloud.ts";
import { azureIdentity } from "./machine.ts";
import { AZURE, AZURE_BYTES_AT_MOST, FURTHEST_MS, withinMs } from "./protocol.ts";
import { azureNameOf } from "./signs.ts";

const FIRST_WITHIN_MS = millis(120_000);
const WITHIN_MS = 2_000;
const IDENTITY_EVERY_MS = millis(60_000);
const ACKNOWLEDGE_AT_MOST = 3;
const ACKNOWLEDGE_APART_MS = millis(1_000);

export function watchAzure(context: CloudContext): CloudWatch {
  const { settings, nodeName, board, channels, clock, log, signal } = context;
  // Another connection for the identity and for acknowledgements: the first answer about events may hold its own up.
  const client = createMetadataClient({
    bases: context.bases,
    clock,
    maxBytes: AZURE_BYTES_AT_MOST,
    maxSockets: 2,
  });
  let answeredOnce = false;
  let computeName: string | null = null;
  /** The last answer, with what it was read by: nearly every one is the same. */
  let last: {
    readonly body: string;
    readonly providerId: string | undefined;
    readonly computeName: string | null;
    readonly read: AzureReading;
  } | null = null;
  const acknowledged = new Set<string>();

  const manner: Manner = {
    place: "azure events",
    source: "azure",
    absences: 1,
    leaves: "not-begun",
    usualMs: () => settings.azureNotice,
    furthestMs: FURTHEST_MS,
  };

  function read(body: string): AzureReading {
    const providerId = context.ownNode()?.spec?.providerID;
    if (last?.body === body && last.providerId === providerId && last.computeName === computeName)
      return last.read;
    const own = [azureNameOf(providerId), computeName].filter((name) => name !== null);
    const names = new Set([...own, nodeName].map((name) => name.toLowerCase()));
    last = { body, providerId, computeName, read: readScheduledEvents(body, names, own.length > 0) };
    return last.read;
  }

  const events: Channel = {
    place: manner.place,
    everyMs: EVERY_SECOND_MS,
    matters: true,
    isUrgent: () => true,
    ask: async (failures) => {
      const what = "read Azure's scheduled events";
      const within = answeredOnce ? withinMs(WITHIN_MS, failures) : FIRST_WITHIN_MS;
      const question = { path: AZURE.events, headers: AZURE.headers, withinMs: within, what };
      const answer = await client.ask(question, signal);
      if (answer.status !== 200) throw statusError(what, answer);
      answeredOnce = true;
      const { reading } = read(answer.body);
      board.take(reading, manner, answer.serverNow);
      if (reading.flaw !== null) throw new AppError("malformed", reading.flaw);
      return "usual";
    },
  };

  const identified: Channel = {
    place: "azure identity",
    everyMs: IDENTITY_EVERY_MS,
    matters: false,
    isUrgent: () => false,
    ask: async (failures) => {
      const what = "read the identity of the machine in Azure's metadata";
      const within = withinMs(WITHIN_MS, failures);
      const question = { path: AZURE.compute, headers: AZURE.headers, withinMs: within, what };
      const answer = await client.ask(question, signal);
      if (answer.status !== 200) throw statusError(what, answer);
      const { identity, name } = azureIdentity(answer.body);
      if (Object.keys(identity).length === 0 && name === null)
        throw new AppError("malformed", `cannot ${what}: the answer names nothing of it`);
      computeName = name;
      context.onIdentity(identity);
      return "over";
    },
  };

  async function acknowledge({ seen, eventId }: AzureEvent): Promise<void> {
    const what = "let Azure begin an event";
    for (let attempt = 1; attempt <= ACKNOWLEDGE_AT_MOST; attempt++) {
      try {
        const answer = await client.ask(
          {
            method: "POST",
            path: AZURE.events,
            headers: { ...AZURE.headers, "content-type": "application/json" },
            body: JSON.stringify({ StartRequests: [{ EventId: eventId }] }),
            withinMs: millis(WITHIN_MS),
            what,
          },
          signal,
        );
        if (answer.status < 200 || answer.status > 299) throw statusError(what, answer);
        log.info({ name: seen.id, reason: seen.action }, "Azure may begin the event");
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ name: seen.id, count: attempt, error }, "Azure was not told that it may begin the event");
      }
      if (!(await pause(clock, ACKNOWLEDGE_APART_MS, signal))) return;
    }
    // Asked once more when somebody asks for it again.
    acknowledged.delete(seen.id);
  }

  const ended = Promise.all([events, identified].map((channel) => channels.run(channel))).then(() => {
    client.close();
  });
  return {
    acknowledge: (id) => {
      const event = last?.read.events.find(({ seen }) => seen.id === id);
      if (!settings.azureAcknowledge || event === undefined || !event.isAlone) return;
      if (event.seen.when === "begun" || acknowledged.has(id)) return;
      acknowledged.add(id);
      void acknowledge(event);
    },
    ended,
  };
}
