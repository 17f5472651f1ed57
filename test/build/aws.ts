// Auto Scaling at AWS as one test scripts it: real HTTP and real XML of the query protocol, an answer for each call,
// no behaviour of its own. What behaves stands in test/world/cloud.

import { createAwsAccount } from "../../coordinator/cloud/aws/account.ts";
import type { AwsAccount, AwsAccountOptions } from "../../coordinator/cloud/aws/account.ts";
import type { CallOptions } from "../../coordinator/cloud/group.ts";
import { within } from "../../coordinator/cloud/within.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startScriptedServer } from "./scripted-server.ts";
import type { ScriptedReply, ScriptedServer } from "./scripted-server.ts";

export const AWS_REGION = "us-west-2";
export const AWS_OWNER = "123456789012";
export const ANY_CALL: CallOptions = { signal: new AbortController().signal, deadlineMs: millis(5_000) };

type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** Fields as the query protocol writes them: lists as `member`, null and undefined not at all. */
export function xmlOf(value: Value): string {
  if (value === null) return "";
  if (Array.isArray(value)) return value.map((entry: Value) => `<member>${xmlOf(entry)}</member>`).join("");
  if (typeof value === "object")
    return Object.entries(value)
      .filter(([, inner]) => inner !== null && inner !== undefined)
      .map(([key, inner]) => `<${key}>${xmlOf(inner)}</${key}>`)
      .join("");
  return String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function answerXml(call: string, result: Value = {}): string {
  return `<${call}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><${call}Result>${xmlOf(result)}</${call}Result><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></${call}Response>`;
}

export function errorXml(code: string, message = "as the test has it"): string {
  return `<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type>${xmlOf({ Code: code, Message: message })}</Error><RequestId>r-1</RequestId></ErrorResponse>`;
}

export function awsInstance(id: string, fields: Readonly<Record<string, Value>> = {}): Value {
  return {
    InstanceId: id,
    InstanceType: "p4d.24xlarge",
    AvailabilityZone: "us-west-2a",
    LifecycleState: "InService",
    HealthStatus: "Healthy",
    ProtectedFromScaleIn: false,
    ...fields,
  };
}

/** One that is as large as it should be, with nothing to remark. */
export function awsGroup(
  name: string,
  {
    size = 0,
    ids = [],
    ...fields
  }: { size?: number; ids?: readonly string[] } & Record<string, unknown> = {},
): Value {
  return {
    AutoScalingGroupName: name,
    AutoScalingGroupARN: `arn:aws:autoscaling:${AWS_REGION}:${AWS_OWNER}:autoScalingGroup:u-1:autoScalingGroupName/${name}`,
    MinSize: 0,
    MaxSize: 10,
    DesiredCapacity: size,
    DefaultCooldown: 300,
    AvailabilityZones: ["us-west-2a"],
    HealthCheckType: "EC2",
    CreatedTime: "2026-11-26T00:00:00Z",
    Instances: ids.map((id) => awsInstance(id)),
    ...(fields as Record<string, Value>),
  };
}

export function awsActivity(fields: Readonly<Record<string, Value>>): Value {
  return {
    ActivityId: "a-1",
    AutoScalingGroupName: "gpu",
    Description: "Launching a new EC2 instance",
    Cause: "a user request",
    StartTime: "2026-11-26T10:00:00Z",
    StatusCode: "Failed",
    Progress: 100,
    ...fields,
  };
}

/** What is sent back: XML of a good answer, or a status with a text, or a use of the connection. */
export type AwsReply =
  | string
  | { readonly status: number; readonly text: string; readonly headers?: Readonly<Record<string, string>> }
  | ((reply: ScriptedReply) => void);
export type AwsScript = Readonly<Record<string, (form: URLSearchParams, nth: number) => AwsReply>>;

export interface ScriptedAws extends AsyncDisposable {
  readonly server: ScriptedServer;
  readonly account: AwsAccount;
  /** Keys of groups that were written to. */
  readonly written: readonly string[];
  /** Replaces the answers of the calls that are named. */
  answer(script: AwsScript): void;
  /** Forms of the calls of a name, in their order. */
  asked(call: string): readonly URLSearchParams[];
}

/** Asked beside each first look; nothing else sizes a group unless the test says so. */
const NO_RIVALS: AwsScript = {
  DescribePolicies: () => answerXml("DescribePolicies", { ScalingPolicies: [] }),
  DescribeScheduledActions: () => answerXml("DescribeScheduledActions", { ScheduledUpdateGroupActions: [] }),
  DescribeInstanceRefreshes: () => answerXml("DescribeInstanceRefreshes", { InstanceRefreshes: [] }),
};

/** Calls without an answer get 501, which fails the test with their name. */
export async function startScriptedAws(
  script: AwsScript = {},
  options: Partial<AwsAccountOptions> & { readonly date?: () => Date } = {},
): Promise<ScriptedAws> {
  let answers: AwsScript = { ...NO_RIVALS, ...script };
  const counts = new Map<string, number>();
  const { date, ...given } = options;
  const server = await startScriptedServer(({ form }, reply) => {
    const call = form.get("Action") ?? "";
    const nth = (counts.get(call) ?? 0) + 1;
    counts.set(call, nth);
    const made = answers[call]?.(form, nth) ?? { status: 501, text: `no answer to ${call} in this test` };
    const dated = date === undefined ? {} : { date: date().toUTCString() };
    if (typeof made === "function") made(reply);
    else if (typeof made === "string") reply.text(200, made, { "content-type": "text/xml", ...dated });
    else reply.text(made.status, made.text, { "content-type": "text/xml", ...dated, ...made.headers });
  });
  const written: string[] = [];
  const clock: Clock = given.clock ?? systemClock;
  const account = await createAwsAccount({
    region: AWS_REGION,
    endpoint: server.url.href,
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    clock,
    // No pace: what a limiter does about a refusal is another matter, and one refusal must not delay the next test.
    limiter: { run: async (call, limits, send) => await within(clock, limits, call, send) },
    onWritten: (key) => written.push(key),
    ...given,
  });
  return {
    server,
    account,
    written,
    answer: (more) => {
      answers = { ...answers, ...more };
    },
    asked: (call) => server.requests.map(({ form }) => form).filter((form) => form.get("Action") === call),
    [Symbol.asyncDispose]: async () => {
      account[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Answers DescribeAutoScalingGroups with those groups of `all` that the form names, or all for a filter. */
export function describing(...all: readonly Value[]): (form: URLSearchParams) => string {
  return (form) => {
    const named = new Set(
      [...form].filter(([key]) => key.startsWith("AutoScalingGroupNames.")).map(([, value]) => value),
    );
    const groups = all.filter(
      (group) =>
        named.size === 0 ||
        named.has(String((group as { readonly AutoScalingGroupName: string }).AutoScalingGroupName)),
    );
    return answerXml("DescribeAutoScalingGroups", { AutoScalingGroups: groups });
  };
}
