import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { ANY_CALL, awsGroup, AWS_REGION, describing, startScriptedAws } from "../../../test/build/aws.ts";
import type { AwsReply, AwsScript, ScriptedAws } from "../../../test/build/aws.ts";
import { NOW } from "../../../test/build/now.ts";
import type { AwsAccountOptions } from "./account.ts";

const GROUPS: AwsScript = { DescribeAutoScalingGroups: describing(awsGroup("gpu")) };
const AT = epochMs(NOW);
const CALL = "DescribeSpotPriceHistory";

interface Row {
  readonly instanceType?: string;
  readonly availabilityZone?: string;
  readonly spotPrice?: string;
  readonly timestamp?: string;
}

const row = (over: Row = {}): string =>
  `<item>${Object.entries({
    instanceType: "p3.2xlarge",
    productDescription: "Linux/UNIX",
    spotPrice: "1.200000",
    timestamp: "2026-11-26T08:00:00.000Z",
    availabilityZone: "us-west-2a",
    ...over,
  })
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join("")}</item>`;

const page = (rows: readonly string[], token = ""): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${CALL}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId><spotPriceHistorySet>${rows.join("")}</spotPriceHistorySet><nextToken>${token}</nextToken></${CALL}Response>`;

const refusal = (status: number, code: string, message: string) => (): AwsReply => ({
  status,
  text: `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r-1</RequestID></Response>`,
});

async function pricesOf(aws: ScriptedAws, types: readonly string[] = ["p3.2xlarge"]) {
  // Where AWS is asked is known from the first question about groups.
  await aws.account.look(["gpu"], ANY_CALL);
  return (await aws.account.spotPrices?.(types, AT, ANY_CALL)) ?? [];
}

const scripted = async (answer: AwsScript[string]): Promise<ScriptedAws> =>
  await startScriptedAws({ ...GROUPS, [CALL]: answer });

describe("prices by AWS's own history", () => {
  test("the last price of each type and zone, with its source and when it was read", async () => {
    await using aws = await scripted(() =>
      page([
        row(),
        row({ availabilityZone: "us-west-2b", spotPrice: "1.310000" }),
        row({ spotPrice: "0.900000", timestamp: "2026-11-20T08:00:00.000Z" }),
      ]),
    );
    const point = { provider: "aws", region: AWS_REGION, instanceType: "p3.2xlarge", tier: "spot" };
    const read = { source: "aws spot price history", at: NOW };
    expect(await pricesOf(aws)).toEqual([
      { ...point, zone: "us-west-2a", usdPerHour: 1.2, ...read },
      { ...point, zone: "us-west-2b", usdPerHour: 1.31, ...read },
    ]);
  });

  test("asks EC2 for what holds now, of these types, under Linux, signed for ec2", async () => {
    await using aws = await scripted(() => page([row()]));
    await pricesOf(aws, ["g5.xlarge", "p3.2xlarge"]);
    const [form] = aws.asked(CALL);
    const now = new Date(NOW).toISOString();
    expect(Object.fromEntries(form ?? [])).toEqual({
      Action: CALL,
      Version: "2016-11-15",
      StartTime: now,
      EndTime: now,
      "ProductDescription.1": "Linux/UNIX",
      "Filter.1.Name": "instance-type",
      "Filter.1.Value.1": "g5.xlarge",
      "Filter.1.Value.2": "p3.2xlarge",
      MaxResults: "1000",
    });
    const request = aws.server.requests.find(({ form: sent }) => sent.get("Action") === CALL);
    expect(request?.headers["authorization"]).toMatch(
      /^AWS4-HMAC-SHA256 Credential=key\/\d{8}\/us-west-2\/ec2\/aws4_request, SignedHeaders=\S*host\S*, Signature=[0-9a-f]{64}$/,
    );
  });

  test("goes on to the next page, and ends where pages have no end", async () => {
    await using aws = await scripted((_form, nth) =>
      nth === 1 ? page([row()], "more") : page([row({ availabilityZone: "us-west-2c" })]),
    );
    expect(await pricesOf(aws)).toHaveLength(2);
    expect(aws.asked(CALL).map((form) => form.get("NextToken"))).toEqual([null, "more"]);
    aws.answer({ [CALL]: () => page([row()], "again") });
    await expect(pricesOf(aws)).rejects.toMatchObject({
      kind: "malformed",
      message: /no end after 20 pages/,
    });
  });

  test("asks for no more types in a call than AWS takes", async () => {
    await using aws = await scripted((form) =>
      page([row({ instanceType: form.get("Filter.1.Value.1") ?? "" })]),
    );
    const types = Array.from({ length: 201 }, (_, index) => `t${index}.large`);
    const read = await pricesOf(aws, types);
    expect(read.map(({ instanceType }) => instanceType)).toEqual(["t0.large", "t100.large", "t200.large"]);
    const asked = aws.asked(CALL).map((form) => [...form.keys()].filter((key) => /Value/.test(key)).length);
    expect(asked).toEqual([100, 100, 1]);
  });

  test("asks at its own pace, and groups at theirs", async () => {
    const limiterInto = (calls: string[]): NonNullable<AwsAccountOptions["priceLimiter"]> => ({
      run: async (call, { signal }, send) => {
        calls.push(call);
        return await send(signal);
      },
    });
    const ofGroups: string[] = [];
    const ofPrices: string[] = [];
    await using aws = await startScriptedAws(
      { ...GROUPS, [CALL]: () => page([row()]) },
      { limiter: limiterInto(ofGroups), priceLimiter: limiterInto(ofPrices) },
    );
    await pricesOf(aws);
    await aws.account.probe?.(["gpu"], ANY_CALL);
    expect(ofPrices).toEqual([CALL, `ReadRight:${CALL}`]);
    expect(ofGroups).toContain("DescribeAutoScalingGroups");
    expect(ofGroups.filter((call) => call.endsWith(CALL))).toEqual([]);
  });

  test("asks nothing for no types", async () => {
    await using aws = await scripted(() => page([]));
    expect(await pricesOf(aws, [])).toEqual([]);
    expect(aws.asked(CALL)).toEqual([]);
  });

  test("no row is no price, which is no error", async () => {
    await using aws = await scripted(() => page([]));
    expect(await pricesOf(aws)).toEqual([]);
  });
});

describe("what cannot be read stays unknown", () => {
  test.each<readonly [string, Row]>([
    ["a price of zero", { spotPrice: "0.000000" }],
    ["a price that is none", { spotPrice: "NaN" }],
    ["a price below zero", { spotPrice: "-1" }],
    ["a missing zone", { availabilityZone: "" }],
    ["an instant that is none", { timestamp: "yesterday" }],
  ])("%s is left out, the others are read", async (_what, over) => {
    await using aws = await scripted(() => page([row(over), row({ availabilityZone: "us-west-2b" })]));
    expect((await pricesOf(aws)).map(({ zone }) => zone)).toEqual(["us-west-2b"]);
  });

  test("an answer of which nothing can be read is malformed", async () => {
    await using aws = await scripted(() => page([row({ spotPrice: "x" })]));
    await expect(pricesOf(aws)).rejects.toMatchObject({ kind: "malformed", message: /none of 1 rows/ });
  });

  test("so is XML that is cut off", async () => {
    await using aws = await scripted(() => page([row()]).slice(0, 150));
    await expect(pricesOf(aws)).rejects.toMatchObject({ kind: "malformed", message: /cut off/ });
  });
});

describe("refusals of EC2 become kinds", () => {
  test.each([
    [403, "UnauthorizedOperation", "You are not authorized to perform this operation.", "denied"],
    [401, "AuthFailure", "AWS was not able to validate the provided access credentials", "denied"],
    [503, "RequestLimitExceeded", "Request limit exceeded.", "throttled"],
    [500, "InternalError", "An internal error has occurred", "unavailable"],
    [400, "InvalidParameterValue", "Invalid value", "misconfigured"],
  ])("%s %s", async (status, code, message, kind) => {
    await using aws = await scripted(refusal(status, code, message));
    await expect(pricesOf(aws)).rejects.toMatchObject({ kind, data: { code, status } });
  });

  test("before any group was asked for, nobody knows where AWS is", async () => {
    await using aws = await scripted(() => page([row()]));
    await expect(aws.account.spotPrices?.(["p3.2xlarge"], AT, ANY_CALL)).rejects.toMatchObject({
      kind: "unavailable",
    });
  });
});
