import { afterEach, describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../build/clock.ts";
import { startAzureMetadata } from "./azure.ts";
import type { AzureMetadata, AzureMetadataOptions } from "./azure.ts";

const started: AzureMetadata[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

async function start(options: Partial<AzureMetadataOptions> = {}): Promise<AzureMetadata> {
  const azure = await startAzureMetadata({ clock: createFakeClock(), requestsPerSecond: 1000, ...options });
  started.push(azure);
  return azure;
}

const AT = epochMs(Date.UTC(2026, 8, 19, 18, 29, 47));
const EVENTS = "/metadata/scheduledevents?api-version=2020-07-01";
const COMPUTE = "/metadata/instance/compute";
const OWN = "aks-spota-31415926-vmss_7";

interface Read {
  readonly status: number;
  readonly text: string;
}

async function ask(azure: AzureMetadata, path: string, init: RequestInit = {}): Promise<Read> {
  const answer = await fetch(`${azure.url}${path}`, { headers: { Metadata: "true" }, ...init });
  return { status: answer.status, text: await answer.text() };
}

interface Document {
  readonly DocumentIncarnation: number;
  readonly Events: readonly Readonly<Record<string, unknown>>[];
}

async function events(azure: AzureMetadata, version = "2020-07-01"): Promise<Document> {
  const { text } = await ask(azure, `/metadata/scheduledevents?api-version=${version}`);
  return JSON.parse(text) as Document;
}

async function approve(azure: AzureMetadata, body: string): Promise<number> {
  return (await ask(azure, EVENTS, { method: "POST", body, headers: { Metadata: "true" } })).status;
}

describe("a request", () => {
  test("needs its header and a version that the service knows, and no proxy", async () => {
    const azure = await start();
    expect((await ask(azure, EVENTS, { headers: {} })).status).toBe(400);
    expect((await ask(azure, EVENTS, { headers: { Metadata: "false" } })).status).toBe(400);
    expect((await ask(azure, "/metadata/scheduledevents")).status).toBe(400);
    expect((await ask(azure, "/metadata/scheduledevents?api-version=2020-07-02")).status).toBe(400);
    const headers = { Metadata: "true", "X-Forwarded-For": "10.0.0.1" };
    expect((await ask(azure, EVENTS, { headers })).status).toBe(400);
    expect((await ask(azure, EVENTS, { method: "PUT", body: "{}" })).status).toBe(405);
    expect(azure.breaches).toHaveLength(6);
    expect((await ask(azure, EVENTS)).status).toBe(200);
    expect(azure.breaches).toHaveLength(6);
  });

  test("is one of five within a second, and the sixth is told so", async () => {
    const clock = createFakeClock();
    const azure = await start({ clock, requestsPerSecond: 5 });
    for (let i = 0; i < 5; i++) expect((await ask(azure, EVENTS)).status).toBe(200);
    expect((await ask(azure, EVENTS)).status).toBe(429);
    await clock.advance(1_000);
    expect((await ask(azure, EVENTS)).status).toBe(200);
    expect(azure.breaches).toEqual([]);
  });

  test("waits for the first answer, which enables the events", async () => {
    const clock = createFakeClock();
    const azure = await start({ clock, firstAnswerMs: millis(90_000) });
    const first = ask(azure, EVENTS);
    const second = ask(azure, EVENTS);
    await azure.received("/metadata/scheduledevents", 2);
    await clock.untilSleeping(90_000);
    // The rest of the service is there meanwhile.
    expect((await ask(azure, `${COMPUTE}?api-version=2021-02-01`)).status).toBe(200);
    expect(azure.requests.map(({ status }) => status)).toEqual([null, null, 200]);
    await clock.advance(90_000);
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect((await ask(azure, EVENTS)).status).toBe(200);
  });
});

describe("scheduled events", () => {
  test("are an empty list with an incarnation that every change raises", async () => {
    const azure = await start();
    const { headers } = await fetch(`${azure.url}${EVENTS}`, { headers: { Metadata: "true" } });
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    const incarnations = [await events(azure), await events(azure)];
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: AT });
    incarnations.push(await events(azure));
    azure.begin(eventId);
    incarnations.push(await events(azure));
    azure.cancel(eventId);
    incarnations.push(await events(azure));
    expect(incarnations.map((one) => one.DocumentIncarnation)).toEqual([1, 1, 2, 3, 4]);
    expect(incarnations.map((one) => one.Events.length)).toEqual([0, 0, 1, 1, 0]);
  });

  test("name the machines, the time in GMT, and no time once they have begun", async () => {
    const clock = createFakeClock(AT - 30_000);
    const azure = await start({ clock });
    const { eventId, at } = azure.schedule({ type: "Preempt", notBefore: AT });
    expect(at).toBe(clock.now());
    expect((await events(azure)).Events).toEqual([
      {
        EventId: eventId,
        EventStatus: "Scheduled",
        EventType: "Preempt",
        ResourceType: "VirtualMachine",
        Resources: [OWN],
        NotBefore: "Sat, 19 Sep 2026 18:29:47 GMT",
        Description: "",
        EventSource: "Platform",
        DurationInSeconds: -1,
      },
    ]);
    azure.begin(eventId);
    expect((await events(azure)).Events).toMatchObject([{ EventStatus: "Started", NotBefore: "" }]);
    azure.schedule({ type: "Freeze", notBefore: AT, resources: ["other_1", OWN] });
    expect((await events(azure)).Events[1]).toMatchObject({ Resources: ["other_1", OWN] });
    azure.withdraw();
    expect((await events(azure)).Events).toEqual([]);
  });

  test("have in an older version what that version knows", async () => {
    const azure = await start();
    azure.schedule({ type: "Reboot", notBefore: AT });
    azure.schedule({ type: "Preempt", notBefore: AT });
    azure.schedule({ type: "Terminate", notBefore: AT });
    const types = async (version: string): Promise<readonly unknown[]> =>
      (await events(azure, version)).Events.map((one) => one["EventType"]);
    expect(await types("2017-08-01")).toEqual(["Reboot"]);
    expect(await types("2017-11-01")).toEqual(["Reboot", "Preempt"]);
    expect(await types("2019-01-01")).toEqual(["Reboot", "Preempt", "Terminate"]);
    const [first] = (await events(azure, "2019-04-01")).Events;
    expect(Object.keys(first ?? {})).toContain("Description");
    expect(Object.keys(first ?? {})).not.toContain("EventSource");
  });

  test("are approved by a POST, again too, and not by a malformed one", async () => {
    const azure = await start();
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: AT });
    const body = JSON.stringify({ StartRequests: [{ EventId: eventId }] });
    expect([await approve(azure, body), await approve(azure, body)]).toEqual([200, 200]);
    expect(azure.approvals.map((one) => one.eventId)).toEqual([eventId, eventId]);
    const malformed = ["", "{", "[]", "{}", '{"StartRequests":[]}', '{"StartRequests":[{"EventId":1}]}'];
    const statuses = [];
    for (const one of malformed) statuses.push(await approve(azure, one));
    expect(statuses).toEqual(malformed.map(() => 400));
    expect(azure.breaches).toHaveLength(6);
    // One that has gone meanwhile is nobody's fault.
    azure.cancel(eventId);
    expect(await approve(azure, body)).toBe(400);
    expect(azure.breaches).toHaveLength(6);
    expect(azure.approvals).toHaveLength(2);
  });
});

describe("the machine's identity", () => {
  test("is a document, and a leaf as text", async () => {
    const azure = await start({ identity: { zone: "3" } });
    azure.setIdentity({ priority: "Regular" });
    const { text } = await ask(azure, `${COMPUTE}?api-version=2021-02-01`);
    expect(JSON.parse(text)).toMatchObject({
      name: OWN,
      vmSize: "Standard_ND96asr_v4",
      location: "westeurope",
      zone: "3",
      priority: "Regular",
      provider: "Microsoft.Compute",
    });
    expect(await ask(azure, `${COMPUTE}/zone?api-version=2021-02-01&format=text`)).toEqual({
      status: 200,
      text: "3",
    });
    expect(azure.breaches).toEqual([]);
    expect((await ask(azure, `${COMPUTE}/zone?api-version=2021-02-01`)).status).toBe(400);
    expect((await ask(azure, `${COMPUTE}?api-version=2021-02-01&format=text`)).status).toBe(400);
    expect((await ask(azure, `${COMPUTE}?api-version=1999-01-01`)).status).toBe(400);
    expect((await ask(azure, `${COMPUTE}?api-version=2021-02-01`, { method: "POST" })).status).toBe(405);
    expect(azure.breaches).toHaveLength(4);
    expect((await ask(azure, `${COMPUTE}/none?api-version=2021-02-01`)).status).toBe(404);
    expect((await ask(azure, "/metadata/elsewhere")).status).toBe(404);
    expect(azure.breaches).toHaveLength(4);
  });
});
