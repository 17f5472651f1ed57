import { afterAll, expect, test } from "vitest";

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

if (moto !== null)
  cloudGroupContract("aws on moto", async (setup) => await awsMotoHarness(moto, setup), NOT_ON_MOTO);
