import { afterAll, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { awsAccountAt, REGION } from "./aws-account.ts";
import { awsMotoHarness, NOT_ON_MOTO } from "./aws-moto-harness.ts";
import { startMoto } from "./aws-moto.ts";
import { pythonOrWhyNot } from "./aws-referee.ts";
import { cloudGroupContract } from "./cloud-group.ts";

const python = await pythonOrWhyNot();
// One for all cases: each of them begins with an empty one.
const moto = typeof python === "string" ? null : await startMoto(python);

afterAll(async () => {
  await moto?.[Symbol.asyncDispose]();
});

test("the cloud-group contract has moto to run on", async ({ skip }) => {
  if (moto === null) return skip(typeof python === "string" ? python : "");
  await moto.reset();
  expect(await moto.calls()).toEqual([]);
});

test("spot prices are read from moto's EC2 by zone", async ({ skip }) => {
  if (moto === null) return skip(typeof python === "string" ? python : "");
  await moto.reset();
  await moto.addGroup("group-0", { min: 0, max: 1, size: 0 });
  const account = await awsAccountAt(moto.url);
  const limits = { signal: AbortSignal.timeout(20_000), deadlineMs: millis(20_000) };
  await account.look(["group-0"], limits);
  const prices = (await account.spotPrices?.(["g5.xlarge"], systemClock.now(), limits)) ?? [];
  expect(new Set(prices.map(({ instanceType, tier }) => `${instanceType} ${tier}`))).toEqual(
    new Set(["g5.xlarge spot"]),
  );
  const zones = prices.map(({ zone }) => zone);
  expect(zones).toContain(`${REGION}a`);
  expect(zones).toContain(`${REGION}b`);
  account[Symbol.dispose]();
});

if (moto !== null)
  cloudGroupContract("aws on moto", async (setup) => await awsMotoHarness(moto, setup), NOT_ON_MOTO);
