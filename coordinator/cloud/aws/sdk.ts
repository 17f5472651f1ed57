// The only file that loads AWS's SDK, and a bundle of its own (deploy/bundle.ts), so that a coordinator whose policies
// name no AWS group never reads it. It sends one request for each call (one more when AWS refuses a signature by its
// time), looks at the raw answer before the SDK does, and keeps the date of it. It imports nothing of ours that has a class: it is bundled apart.

import type { Readable } from "node:stream";

import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  DescribePoliciesCommand,
  DescribeScalingActivitiesCommand,
  DescribeScheduledActionsCommand,
  DetachInstancesCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Answer, AwsSender, Ec2Sender } from "./calls.ts";
import { createEc2Sender } from "./ec2-request.ts";
import type { Place } from "./ec2-request.ts";
import { unreadable } from "./raw-answer.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export interface SdkOptions {
  readonly region: string;
  /** Absent: AWS's own, or AWS_ENDPOINT_URL, as the SDK has it. */
  readonly endpoint?: string;
  /** Absent: the SDK's default chain (environment, web identity, Pod Identity, instance). */
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>);
}

export type Sdk = AwsSender & Ec2Sender & Disposable;

/** A hundred groups with a thousand machines each are some 60 MB; nothing of ours is nearly as large. */
const ANSWER_BYTES_MAX = 64 * 2 ** 20;

const quiet = (): void => {};
/** The SDK warns on the console by default; what matters comes as an error. */
const SILENT = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

export function createSdk({ region, endpoint, credentials }: SdkOptions): Sdk {
  const client = new AutoScalingClient({
    region,
    // The first refusal is for our own back-off: the SDK would try again even for a lack of machines.
    maxAttempts: 1,
    logger: SILENT,
    customUserAgent: "gpu-autoscaler",
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  const dates = new WeakMap<object, EpochMs>();
  /** Where the last question about groups went, by whatever the SDK has made of settings, partition and environment. */
  let place: Place | null = null;

  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const at = Date.parse(headerOf(result.response, "date"));
      if (at > 0 && result.output !== undefined) dates.set(result.output, epochMs(at));
      return result;
    },
    { step: "deserialize", priority: "high", name: "keepDate" },
  );
  // Nearest to the wire: the SDK takes an error for an empty answer when its status is 200.
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (args) => {
        place = args.request as Place;
        const result = await next(args);
        const response = result.response as RawResponse;
        const body = await readAll(response.body);
        const problem = unreadable(commandName.replace(/Command$/, ""), response.statusCode, body.toString());
        if (problem !== null) {
          const metadata = { httpStatusCode: response.statusCode };
          throw Object.assign(new Error(problem), { name: "UnreadableAnswer", $metadata: metadata });
        }
        response.body = body;
        return result;
      },
    { step: "deserialize", priority: "low", name: "lookAtRawAnswer" },
  );

  async function answer<T extends object>(send: () => Promise<T>): Promise<Answer<T>> {
    const output = await send().catch(async (error: unknown) => {
      if (!isSignedTooLate(error)) throw error;
      // AWS has told its time and done nothing: the SDK signs by that time from now on.
      return await send();
    });
    return { output, at: dates.get(output) ?? null };
  }
  return {
    DescribeAutoScalingGroups: async (input, abortSignal) =>
      await answer(
        async () => await client.send(new DescribeAutoScalingGroupsCommand(input), { abortSignal }),
      ),
    DescribeScalingActivities: async (input, abortSignal) =>
      await answer(
        async () => await client.send(new DescribeScalingActivitiesCommand(input), { abortSignal }),
      ),
    DescribePolicies: async (input, abortSignal) =>
      await answer(async () => await client.send(new DescribePoliciesCommand(input), { abortSignal })),
    DescribeScheduledActions: async (input, abortSignal) =>
      await answer(
        async () => await client.send(new DescribeScheduledActionsCommand(input), { abortSignal }),
      ),
    DescribeInstanceRefreshes: async (input, abortSignal) =>
      await answer(
        async () => await client.send(new DescribeInstanceRefreshesCommand(input), { abortSignal }),
      ),
    SetDesiredCapacity: async (input, abortSignal) =>
      await answer(async () => await client.send(new SetDesiredCapacityCommand(input), { abortSignal })),
    TerminateInstanceInAutoScalingGroup: async (input, abortSignal) =>
      await answer(
        async () => await client.send(new TerminateInstanceInAutoScalingGroupCommand(input), { abortSignal }),
      ),
    DetachInstances: async (input, abortSignal) =>
      await answer(async () => await client.send(new DetachInstancesCommand(input), { abortSignal })),
    ...createEc2Sender({
      region,
      place: () => place,
      credentials: client.config.credentials,
      sha256: client.config.sha256,
      send: async (request, abortSignal) => {
        const sent = await client.config.requestHandler.handle(request as never, { abortSignal });
        return (sent as { readonly response: RawResponse }).response;
      },
      clockOffsetMs: () => client.config.systemClockOffset,
      readAll,
    }),
    [Symbol.dispose]: () => client.destroy(),
  };
}

/** Refusals of a signature whose time is off, which is ours when this machine's clock is. */
const SKEWED = /^(?:RequestTimeTooSkewed|RequestExpired|SignatureDoesNotMatch|InvalidSignature|AuthFailure)/;

function isSignedTooLate(error: unknown): boolean {
  const { Code = "", $metadata } = error as {
    readonly Code?: string;
    readonly $metadata?: { readonly clockSkewCorrected?: boolean };
  };
  return $metadata?.clockSkewCorrected === true && SKEWED.test(Code);
}

interface RawResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body: Readable | Uint8Array;
}

function headerOf(response: unknown, name: string): string {
  return (response as Partial<RawResponse> | undefined)?.headers?.[name] ?? "";
}

async function readAll(body: Readable | Uint8Array): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
  }
  return Buffer.concat(chunks);
}
