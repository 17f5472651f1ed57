import { afterEach, describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../build/clock.ts";
import { startAwsMetadata } from "./aws.ts";
import type { AwsMetadata, AwsMetadataOptions } from "./aws.ts";

const started: AwsMetadata[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

async function start(options: Partial<AwsMetadataOptions> = {}): Promise<AwsMetadata> {
  const aws = await startAwsMetadata({ clock: createFakeClock(), ...options });
  started.push(aws);
  return aws;
}

const ACTION = "spot/instance-action";
const AT = epochMs(Date.UTC(2026, 3, 24, 17, 11, 44));

async function tokenOf(aws: AwsMetadata, ttl = "21600"): Promise<string> {
  const answer = await fetch(`${aws.url}/latest/api/token`, {
    method: "PUT",
    headers: { "X-aws-ec2-metadata-token-ttl-seconds": ttl },
  });
  return await answer.text();
}

async function leaf(aws: AwsMetadata, path: string, token?: string): Promise<readonly [number, string]> {
  const headers = { "X-aws-ec2-metadata-token": token ?? (await tokenOf(aws)) };
  const answer = await fetch(`${aws.url}/latest/meta-data/${path}`, { headers });
  return [answer.status, await answer.text()];
}

describe("a token", () => {
  test("comes by PUT with its lifetime, which every answer under it repeats", async () => {
    const aws = await start();
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": "60" };
    const answer = await fetch(`${aws.url}/latest/api/token`, { method: "PUT", headers });
    const token = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(answer.headers.get("x-aws-ec2-metadata-token-ttl-seconds")).toBe("60");
    expect(answer.headers.get("server")).toBe("EC2ws");
    const id = await fetch(`${aws.url}/latest/meta-data/instance-id`, {
      headers: { "x-aws-ec2-metadata-token": token },
    });
    expect([id.status, id.headers.get("x-aws-ec2-metadata-token-ttl-seconds")]).toEqual([200, "60"]);
    expect(await id.text()).toBe("i-0a1b2c3d4e5f60718");
    expect(aws.breaches).toEqual([]);
  });

  test.each([undefined, "", "0", "21601", "-1", "1.5", "ten"])(
    "is refused with 400 for a lifetime of %s",
    async (ttl) => {
      const aws = await start();
      const headers = ttl === undefined ? {} : { "X-aws-ec2-metadata-token-ttl-seconds": ttl };
      const answer = await fetch(`${aws.url}/latest/api/token`, { method: "PUT", headers });
      expect(answer.status).toBe(400);
      expect(aws.breaches).toHaveLength(1);
    },
  );

  test("is refused to who comes by a proxy, and to who does not PUT", async () => {
    const aws = await start();
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": "60", "X-Forwarded-For": "10.0.0.1" };
    const proxied = await fetch(`${aws.url}/latest/api/token`, { method: "PUT", headers });
    const got = await fetch(`${aws.url}/latest/api/token`);
    expect([proxied.status, got.status, got.headers.get("allow")]).toEqual([403, 405, "OPTIONS, PUT"]);
    expect(aws.breaches).toHaveLength(2);
  });

  test("ends with its lifetime, and when the service forgets it; neither is the client's fault", async () => {
    const clock = createFakeClock();
    const aws = await start({ clock });
    const short = await tokenOf(aws, "10");
    await clock.advance(9_999);
    expect((await leaf(aws, "instance-id", short))[0]).toBe(200);
    await clock.advance(1);
    expect((await leaf(aws, "instance-id", short))[0]).toBe(401);
    const forgotten = await tokenOf(aws);
    aws.forgetTokens();
    expect((await leaf(aws, "instance-id", forgotten))[0]).toBe(401);
    expect((await leaf(aws, "instance-id", "foreign"))[0]).toBe(401);
    expect(aws.breaches).toEqual([]);
  });

  test("is needed where the instance requires it", async () => {
    const aws = await start();
    expect((await fetch(`${aws.url}/latest/meta-data/instance-id`)).status).toBe(401);
    expect(aws.breaches).toEqual(["GET /latest/meta-data/instance-id: no x-aws-ec2-metadata-token"]);
    const optional = await start({ tokens: "optional" });
    expect((await fetch(`${optional.url}/latest/meta-data/instance-id`)).status).toBe(200);
    expect((await leaf(optional, "instance-id", "foreign"))[0]).toBe(401);
    expect(optional.breaches).toEqual([]);
  });
});

describe("what it tells of the instance's end", () => {
  test("is 404 as long as there is no notice", async () => {
    const aws = await start();
    const paths = [
      ACTION,
      "spot/termination-time",
      "events/recommendations/rebalance",
      "autoscaling/target-lifecycle-state",
      "no/such/leaf",
    ];
    const statuses = [];
    for (const path of paths) statuses.push((await leaf(aws, path))[0]);
    expect(statuses).toEqual(paths.map(() => 404));
    expect(aws.breaches).toEqual([]);
  });

  test("is the action and its time to the second, from the instant on that the verb returns", async () => {
    const clock = createFakeClock(AT - 120_000);
    const aws = await start({ clock });
    expect(aws.notice({ action: "terminate", at: AT })).toBe(clock.now());
    const [status, text] = await leaf(aws, ACTION);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ action: "terminate", time: "2026-04-24T17:11:44Z" });
    expect(await leaf(aws, "spot/termination-time")).toEqual([200, "2026-04-24T17:11:44Z"]);
    aws.withdraw();
    expect((await leaf(aws, ACTION))[0]).toBe(404);
  });

  test("names a termination's time in the old leaf for a termination alone", async () => {
    const aws = await start();
    aws.notice({ action: "hibernate", at: AT });
    expect((await leaf(aws, ACTION))[0]).toBe(200);
    expect((await leaf(aws, "spot/termination-time"))[0]).toBe(404);
  });

  test("is a rebalance recommendation beside it", async () => {
    const aws = await start();
    aws.rebalance(AT);
    const [, text] = await leaf(aws, "events/recommendations/rebalance");
    expect(JSON.parse(text)).toEqual({ noticeTime: "2026-04-24T17:11:44Z" });
    aws.withdraw("rebalance");
    expect((await leaf(aws, "events/recommendations/rebalance"))[0]).toBe(404);
  });

  test("is scheduled maintenance with dates of its own kind, and an empty list without it", async () => {
    const aws = await start();
    const path = "events/maintenance/scheduled";
    expect(await leaf(aws, path)).toEqual([200, "[]"]);
    const event = { eventId: "instance-event-1", code: "system-reboot", notBefore: AT } as const;
    aws.maintenance({ ...event, description: "Reboot", notAfter: epochMs(AT + 3_600_000) });
    expect(JSON.parse((await leaf(aws, path))[1])).toEqual([
      {
        EventId: "instance-event-1",
        Code: "system-reboot",
        Description: "Reboot",
        State: "active",
        NotBefore: "24 Apr 2026 17:11:44 GMT",
        NotAfter: "24 Apr 2026 18:11:44 GMT",
      },
    ]);
    aws.maintenance({ ...event, description: "Reboot", state: "canceled" });
    expect(JSON.parse((await leaf(aws, path))[1])).toMatchObject([
      { Description: "[Canceled] Reboot", State: "canceled" },
    ]);
    aws.withdraw("maintenance");
    expect(await leaf(aws, path)).toEqual([200, "[]"]);
  });
});

describe("the instance's identity", () => {
  test("is the same in the document and in the leaves", async () => {
    const aws = await start({ identity: { lifecycle: "on-demand" } });
    aws.setIdentity({ zone: "eu-west-1c", zoneId: "euw1-az3", region: "eu-west-1" });
    const answer = await fetch(`${aws.url}/latest/dynamic/instance-identity/document`, {
      headers: { "x-aws-ec2-metadata-token": await tokenOf(aws) },
    });
    expect(await answer.json()).toMatchObject({
      instanceId: "i-0a1b2c3d4e5f60718",
      instanceType: "p4d.24xlarge",
      availabilityZone: "eu-west-1c",
      region: "eu-west-1",
    });
    expect(await leaf(aws, "placement/availability-zone-id")).toEqual([200, "euw1-az3"]);
    expect(await leaf(aws, "instance-life-cycle")).toEqual([200, "on-demand"]);
  });

  test("is only read", async () => {
    const aws = await start();
    const answer = await fetch(`${aws.url}/latest/meta-data/instance-id`, { method: "POST", body: "x" });
    expect(answer.status).toBe(405);
    expect(aws.breaches).toHaveLength(1);
  });
});
