// Whatever a metadata service answers, a parser gives sightings or a flaw. It never throws, and what it gives can go
// into an event, a message and a mark as it is.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { noticeSchema } from "../../../shared/contract/notice.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { readInstanceAction, readMaintenance, readRebalance } from "./aws-answers.ts";
import { readScheduledEvents } from "./azure-answers.ts";
import { deadlineOf } from "./deadline.ts";
import { readMaintenanceEvent, readPreempted, readUpcoming } from "./gcp-answers.ts";
import { readGenericNotice } from "./generic-answers.ts";
import { awsIdentity, azureIdentity, gcpIdentity, machineOf } from "./machine.ts";
import { cloudTime, sightingId } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { azureNameOf, cloudOfProviderId, instanceOf } from "./signs.ts";

const NOW = Date.UTC(2026, 0, 1);
const NODE = "spot-1";
const BOOT = { node: NODE, bootId: "boot-1" };
const NAMES = new Set(["us_1"]);

const READERS: Readonly<Record<string, (body: string) => Reading>> = {
  "aws spot": (body) => readInstanceAction(body, NODE),
  "aws rebalance": (body) => readRebalance(body, NODE),
  "aws maintenance": (body) => readMaintenance(body, NODE),
  "gcp preempted": (body) => readPreempted(body, BOOT),
  "gcp maintenance": (body) =>
    readMaintenanceEvent(body, BOOT, { upcoming: readUpcoming(body), endsMachine: true }),
  "azure events": (body) => readScheduledEvents(body, NAMES, true).reading,
  "azure events without a name": (body) => readScheduledEvents(body, NAMES, false).reading,
  generic: (body) => readGenericNotice(body, { node: NODE, from: "url", mark: "boot-1" }),
};

const time = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.jsonValue(),
);
const word = (...words: readonly string[]) =>
  fc.oneof(fc.constantFrom(...words), fc.string(), fc.jsonValue());
/** JSON that looks like an answer in places, so that the search gets past the first check. */
const awsEvent = fc.record(
  {
    Code: word("system-reboot", "system-maintenance"),
    EventId: word("instance-event-1"),
    State: word("active", "completed"),
    Description: word("[Canceled] x"),
    NotBefore: time,
  },
  { requiredKeys: [] },
);
const azureEvent = fc.record(
  {
    EventId: word("a-1"),
    EventType: word("Preempt", "Freeze", "Reboot"),
    EventStatus: word("Scheduled", "Started"),
    Resources: fc.oneof(fc.constant(["us_1"]), fc.constant(["US_1", "other"]), fc.jsonValue()),
    NotBefore: time,
  },
  { requiredKeys: [] },
);
const nearMiss = fc.oneof(
  fc.record({ action: word("terminate", "stop", "hibernate", "noop"), time }, { requiredKeys: [] }),
  fc.record({ noticeTime: time }, { requiredKeys: [] }),
  fc.array(awsEvent, { maxLength: 40 }),
  fc.record({ DocumentIncarnation: fc.jsonValue(), Events: fc.array(azureEvent, { maxLength: 40 }) }),
  fc.record(
    { deadline: time, kind: word("termination", "maintenance", "rebalance"), id: word("m-1") },
    { requiredKeys: [] },
  ),
  fc.record({ maintenance_status: word("PENDING"), type: word("SCHEDULED"), window_start_time: time }),
  fc.jsonValue(),
);
const text = fc.oneof(
  fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes).toString("utf8")),
  fc.string(),
  fc.constantFrom("TRUE", "FALSE\n", "NONE", "TERMINATE_ON_HOST_MAINTENANCE", ""),
  nearMiss.map((value) => JSON.stringify(value)),
);

describe("any answer", () => {
  test.each(Object.entries(READERS))("%s: gives sightings or a flaw, and what can be sent on", (_, read) => {
    fc.assert(
      fc.property(text, fc.option(fc.integer({ min: 0, max: 4e12 })), (body, server) => {
        const { seen, flaw } = read(body);
        if (flaw !== null) expect(flaw.length).toBeLessThan(600);
        for (const one of seen) {
          const timing = {
            seenAt: epochMs(NOW),
            serverNow: server === null ? null : epochMs(server),
            usualMs: 30_000 as Parameters<typeof deadlineOf>[1]["usualMs"],
            furthestMs: 900_000 as Parameters<typeof deadlineOf>[1]["usualMs"],
          };
          const { at } = deadlineOf(one, timing);
          if (one.kind === "termination") {
            expect(at).not.toBeNull();
            expect(one.endsMachine).toBe(true);
          }
          expect(one.id).toMatch(/^(aws|gcp|azure|generic)-[\w.-]{1,128}$/);
          const message = {
            v: 1,
            node: NODE,
            id: one.id,
            phase: "seen",
            source: "aws",
            kind: one.kind,
            action: one.action,
            seenAt: NOW,
            deadline: at ?? NOW,
            replace: true,
            pods: { low: 0, medium: 0, high: 0, system: 0 },
          };
          expect(noticeSchema.safeParse(message).error).toBeUndefined();
        }
        // The same answer read by another process is the same.
        expect(read(body)).toEqual({ seen, flaw });
      }),
      { numRuns: 1500 },
    );
  });

  test("about the machine gives what can be sent on", () => {
    const maybe = fc.option(text);
    fc.assert(
      fc.property(text, maybe, maybe, text, (document, one, other, providerID) => {
        const identities = [
          awsIdentity({ document, lifecycle: one, zoneId: other }),
          gcpIdentity({ id: one, machineType: other, zone: document, preemptible: one }),
          azureIdentity(document).identity,
        ];
        const node = {
          metadata: { name: NODE, labels: { "topology.kubernetes.io/zone": document } },
          spec: { providerID },
        };
        for (const identity of identities) {
          const machine = machineOf("aws", identity, node);
          if (machine !== null) expect(noticeSchema.shape.machine.safeParse(machine).error).toBeUndefined();
        }
        for (const ask of [cloudOfProviderId, azureNameOf, instanceOf]) ask(providerID);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("a time", () => {
  const AT = Date.UTC(2019, 0, 21, 9, 0, 43);
  test.each([
    ["21 Jan 2019 09:00:43 GMT", AT],
    ["Mon, 21 Jan 2019 09:00:43 GMT", AT],
    ["2019-01-21T09:00:43Z", AT],
    ["2019-01-21T10:00:43+01:00", AT],
    ["21 Foo 2019 09:00:43 GMT", null],
    ["31 Feb 2019 09:00:43 GMT", null],
    ["tomorrow", null],
    ["1548061243", null],
    [1_548_061_243, null],
    [null, null],
  ])("%j", (value, at) => {
    expect(cloudTime(value)).toBe(at);
  });
});

describe("an id", () => {
  test("keeps plain words, and makes a short and different one of all else", () => {
    expect(sightingId("aws", "ip-10-0-0-1.ec2.internal", "terminate", "k9x")).toBe(
      "aws-ip-10-0-0-1.ec2.internal-terminate-k9x",
    );
    const long = ["a", "b"].map((last) => sightingId("aws", `${"n".repeat(250)}${last}`));
    expect(new Set(long).size).toBe(2);
    expect(sightingId("generic", "a b")).not.toBe(sightingId("generic", "a_b"));
  });
});

describe("answers in detail", () => {
  test("AWS: a notice whose time cannot be read is a notice, an unknown word without a time is none", () => {
    expect(readInstanceAction('{"action":"terminate","time":"soon"}', NODE)).toMatchObject({
      seen: [{ id: "aws-spot-1-terminate-untimed", when: null }],
      flaw: null,
    });
    expect(readInstanceAction('{"action":"party","time":"soon"}', NODE).seen).toEqual([]);
    expect(readInstanceAction('{"action":"resize","time":"2026-01-01T00:02:00Z"}', NODE).seen).toHaveLength(
      1,
    );
  });

  test("AWS: a list with one bad entry keeps the good ones and says so", () => {
    const body = JSON.stringify([7, { Code: "system-reboot", EventId: "e-1" }]);
    const { seen, flaw } = readMaintenance(body, NODE);
    expect(seen).toMatchObject([{ id: "aws-spot-1-e-1", when: null }]);
    expect(flaw).toContain("has no Code");
  });

  test("Azure: what is wrong with others' events is nothing to us, what is wrong with ours is", () => {
    const others = JSON.stringify({ Events: [{ Resources: ["other"] }] });
    expect(readScheduledEvents(others, NAMES, true).reading).toEqual({ seen: [], flaw: null });
    const ours = JSON.stringify({ Events: [{ Resources: ["US_1"], EventId: "e-1" }] });
    expect(readScheduledEvents(ours, NAMES, true).reading.flaw).toContain("no EventId or no EventType");
  });

  test("Azure: names come from the set and the number, or from the machine", () => {
    const compute = "azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute";
    expect(azureNameOf(`${compute}/virtualMachineScaleSets/pool/virtualMachines/12`)).toBe("pool_12");
    expect(azureNameOf(`${compute}/virtualMachines/vm-1`)).toBe("vm-1");
    expect(azureNameOf("aws:///z/i-1")).toBeNull();
  });

  test("more events than one machine has are said, and the first ones kept", () => {
    const events = Array.from({ length: 40 }, (_, i) => ({ Code: "system-reboot", EventId: `e-${i}` }));
    const { seen, flaw } = readMaintenance(JSON.stringify(events), NODE);
    expect(seen).toHaveLength(32);
    expect(flaw).toContain("more than 32");
  });
});
