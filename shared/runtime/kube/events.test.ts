import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import { createEventRecorder } from "./events.ts";
import type { EventRecord, EventRecorder } from "./events.ts";
import type { EventObject } from "./resources.ts";

const record: EventRecord = {
  subject: { apiVersion: "v1", kind: "Node", name: "gpu-1", uid: "u1" },
  type: "Normal",
  reason: "NodeDrained",
  message: "3 pods moved",
};

/** A server that keeps events: create refuses a name that it has, merge patches apply. */
async function withEvents(
  work: (
    recorder: EventRecorder,
    events: Map<string, EventObject>,
    advance: (ms: number) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const events = new Map<string, EventObject>();
  await using server = await startScriptedServer((request, reply) => {
    if (request.method === "POST") {
      const event = request.body as EventObject;
      if (events.has(event.metadata.name)) {
        reply.json(409, { kind: "Status", code: 409, reason: "AlreadyExists", message: "already exists" });
        return;
      }
      events.set(event.metadata.name, event);
      reply.json(201, event);
      return;
    }
    const name = request.path.split("/").at(-1) ?? "";
    const { metadata: _, ...change } = request.body as Partial<EventObject>;
    const known = events.get(name);
    if (request.method !== "PATCH" || known === undefined) {
      reply.json(404, { kind: "Status", code: 404, reason: "NotFound" });
      return;
    }
    events.set(name, { ...known, ...change });
    reply.json(200, events.get(name));
  });
  const clock = createFakeClock(Date.UTC(2026, 4, 1));
  const client = clientFor(server.url, clock);
  try {
    await work(createEventRecorder({ client, component: "agent", clock }), events, async (ms) => {
      await clock.advance(ms);
    });
  } finally {
    client.close();
  }
}

describe("createEventRecorder()", () => {
  test("writes what happened to which object, in the namespace for objects that have none", async () => {
    await withEvents(async (recorder, events) => {
      await recorder(record);
      const [event] = events.values();
      expect(event).toMatchObject({
        metadata: { namespace: "default", name: expect.stringMatching(/^gpu-1\.[0-9a-f]{16}$/) as string },
        involvedObject: { apiVersion: "v1", kind: "Node", name: "gpu-1", uid: "u1" },
        type: "Normal",
        reason: "NodeDrained",
        message: "3 pods moved",
        count: 1,
        firstTimestamp: "2026-05-01T00:00:00Z",
        source: { component: "agent" },
      });
    });
  });

  test("counts the same event instead of writing it again, without the right to read", async () => {
    await withEvents(async (recorder, events, advance) => {
      await recorder(record);
      await advance(60_000);
      await recorder(record);
      await recorder(record);
      expect([...events.values()]).toEqual([
        expect.objectContaining({
          count: 3,
          firstTimestamp: "2026-05-01T00:00:00Z",
          lastTimestamp: "2026-05-01T00:01:00Z",
        }),
      ]);
    });
  });

  test("tells events apart by object, reason and message, unless the caller says what makes them the same", async () => {
    await withEvents(async (recorder, events) => {
      await recorder(record);
      await recorder({ ...record, reason: "DrainRequested" });
      await recorder({ ...record, message: "4 pods moved" });
      await recorder({ ...record, subject: { ...record.subject, namespace: "ns", uid: "u2" } });
      expect(events.size).toBe(4);
      await recorder({ ...record, message: "5 pods moved", sameAs: "drain 1" });
      await recorder({ ...record, message: "6 pods moved", sameAs: "drain 1" });
      expect(events.size).toBe(5);
      expect([...events.values()].at(-1)).toMatchObject({ count: 2, message: "6 pods moved" });
    });
  });

  test("cuts a long message to 1 kB between characters", async () => {
    await withEvents(async (recorder, events) => {
      await recorder({ ...record, message: "ü".repeat(2000) });
      const message = [...events.values()][0]?.message ?? "";
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1024);
      expect(message).toMatch(/^ü{500,}…$/);
    });
  });
});
