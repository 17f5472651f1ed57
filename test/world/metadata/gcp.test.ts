import { afterEach, describe, expect, test } from "vitest";

import { createFakeClock } from "../../build/clock.ts";
import type { FakeClock } from "../../build/clock.ts";
import { eventually } from "../../build/eventually.ts";
import { startGcpMetadata } from "./gcp.ts";
import type { GcpMetadata } from "./gcp.ts";

const started: GcpMetadata[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

async function start(clock: FakeClock = createFakeClock()): Promise<GcpMetadata> {
  const gcp = await startGcpMetadata({ clock });
  started.push(gcp);
  return gcp;
}

const ROOT = "/computeMetadata/v1";
const PREEMPTED = "instance/preempted";

interface Read {
  readonly status: number;
  readonly etag: string;
  readonly text: string;
}

async function read(
  gcp: GcpMetadata,
  path: string,
  headers: Readonly<Record<string, string>> = { "Metadata-Flavor": "Google" },
): Promise<Read> {
  const answer = await fetch(`${gcp.url}${ROOT}/${path}`, { headers });
  return {
    status: answer.status,
    etag: answer.headers.get("etag") ?? "",
    text: await answer.text(),
  };
}

describe("a request", () => {
  test("needs the header that answers carry too, the refusals among them", async () => {
    const gcp = await start();
    const bare = await fetch(`${gcp.url}${ROOT}/${PREEMPTED}`);
    expect([bare.status, bare.headers.get("metadata-flavor")]).toEqual([403, "Google"]);
    expect((await read(gcp, PREEMPTED, { "Metadata-Flavor": "google" })).status).toBe(403);
    expect(gcp.breaches).toHaveLength(2);
    const answer = await fetch(`${gcp.url}${ROOT}/${PREEMPTED}`, {
      headers: { "Metadata-Flavor": "Google" },
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/text"]);
    expect(answer.headers.get("metadata-flavor")).toBe("Google");
  });

  test("is refused when it came by a proxy, would write, or asks what makes no sense", async () => {
    const gcp = await start();
    const headers = { "Metadata-Flavor": "Google" };
    expect((await read(gcp, PREEMPTED, { ...headers, "X-Forwarded-For": "10.0.0.1" })).status).toBe(403);
    const put = await fetch(`${gcp.url}${ROOT}/${PREEMPTED}`, { method: "PUT", headers, body: "TRUE" });
    expect(put.status).toBe(405);
    expect((await read(gcp, `${PREEMPTED}?alt=xml`)).status).toBe(400);
    expect((await read(gcp, `${PREEMPTED}?wait_for_change=true&timeout_sec=-1`)).status).toBe(400);
    expect(gcp.breaches).toHaveLength(4);
  });

  test("finds out by the root where it is, and gets 404 for a key that is not there", async () => {
    const gcp = await start();
    const root = await fetch(`${gcp.url}/`);
    expect([root.status, root.headers.get("metadata-flavor")]).toEqual([200, "Google"]);
    expect((await read(gcp, "instance/upcoming-maintenance")).status).toBe(404);
    expect(gcp.breaches).toEqual([]);
  });
});

describe("a key", () => {
  test("has text, JSON when that is asked for, and an ETag of its own for each value", async () => {
    const gcp = await start();
    const before = await read(gcp, PREEMPTED);
    expect(before).toMatchObject({ status: 200, text: "FALSE" });
    expect(before.etag).toMatch(/^[0-9a-f]{16}$/);
    expect((await read(gcp, `${PREEMPTED}?alt=json`)).text).toBe('"FALSE"');
    expect((await read(gcp, PREEMPTED)).etag).toBe(before.etag);
    gcp.preempt();
    const after = await read(gcp, PREEMPTED);
    expect(after.text).toBe("TRUE");
    gcp.withdraw();
    const again = await read(gcp, PREEMPTED);
    expect(again.text).toBe("FALSE");
    expect(new Set([before.etag, after.etag, again.etag]).size).toBe(3);
  });

  test("tells of maintenance", async () => {
    const gcp = await start();
    expect((await read(gcp, "instance/maintenance-event")).text).toBe("NONE");
    gcp.maintenanceEvent("TERMINATE_ON_HOST_MAINTENANCE");
    gcp.upcomingMaintenance({ type: "SCHEDULED", maintenance_status: "PENDING" });
    expect((await read(gcp, "instance/maintenance-event")).text).toBe("TERMINATE_ON_HOST_MAINTENANCE");
    expect(JSON.parse((await read(gcp, "instance/upcoming-maintenance")).text)).toMatchObject({
      maintenance_status: "PENDING",
    });
  });

  test("names the machine", async () => {
    const gcp = await start();
    gcp.setIdentity({ zone: "europe-west4-a", spot: false, cluster: "train" });
    const texts = [];
    for (const path of [
      "instance/id",
      "instance/zone",
      "instance/machine-type",
      "instance/scheduling/preemptible",
      "instance/attributes/cluster-name",
    ])
      texts.push((await read(gcp, path)).text);
    expect(texts).toEqual([
      "9183746501928374650",
      "projects/123456789012/zones/europe-west4-a",
      "projects/123456789012/machineTypes/a2-highgpu-8g",
      "FALSE",
      "train",
    ]);
  });
});

describe("a wait for a change", () => {
  const waiting = (etag: string, timeout = "60"): string =>
    `${PREEMPTED}?wait_for_change=true&timeout_sec=${timeout}&last_etag=${etag}`;

  test("ends at the change", async () => {
    const clock = createFakeClock();
    const gcp = await start(clock);
    const { etag } = await read(gcp, PREEMPTED);
    const answer = read(gcp, waiting(etag));
    await clock.untilSleeping(60_000);
    expect(gcp.requests.at(-1)?.status).toBeNull();
    await clock.advance(12_345);
    // Another key wakes nobody.
    gcp.maintenanceEvent("MIGRATE_ON_HOST_MAINTENANCE");
    await clock.advance(1);
    expect(gcp.requests.at(-1)?.status).toBeNull();
    expect(gcp.preempt()).toBe(clock.now());
    const { status, text, etag: next } = await answer;
    expect([status, text]).toEqual([200, "TRUE"]);
    expect(next).not.toBe(etag);
  });

  test("ends with the present value when its time is over", async () => {
    const clock = createFakeClock();
    const gcp = await start(clock);
    const { etag } = await read(gcp, PREEMPTED);
    const answer = read(gcp, waiting(etag));
    await clock.untilSleeping(60_000);
    await clock.advance(60_000);
    expect(await answer).toEqual({ status: 200, text: "FALSE", etag });
  });

  test("does not begin when the last ETag is not the present one", async () => {
    const gcp = await start();
    const { etag } = await read(gcp, PREEMPTED);
    gcp.preempt();
    expect((await read(gcp, waiting(etag))).text).toBe("TRUE");
    expect((await read(gcp, waiting("0"))).text).toBe("TRUE");
  });

  test("does begin without a last ETag, whatever has changed before", async () => {
    const clock = createFakeClock();
    const gcp = await start(clock);
    gcp.preempt();
    const answer = read(gcp, `${PREEMPTED}?wait_for_change=true&timeout_sec=30`);
    await clock.untilSleeping(30_000);
    await clock.advance(30_000);
    expect((await answer).text).toBe("TRUE");
  });

  test("leaves nothing behind when the client goes away", async () => {
    const clock = createFakeClock();
    const gcp = await start(clock);
    const { etag } = await read(gcp, PREEMPTED);
    const patience = new AbortController();
    const failure = fetch(`${gcp.url}${ROOT}/${waiting(etag)}`, {
      headers: { "Metadata-Flavor": "Google" },
      signal: patience.signal,
    }).catch(String);
    await clock.untilSleeping(60_000);
    patience.abort();
    expect(await failure).toContain("aborted");
    await eventually(() => clock.sleeping() === 0);
    expect(gcp.requests.at(-1)?.status).toBeNull();
  });
});
