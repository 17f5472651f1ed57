// What the contract's stages on a real API server have in common: the account and the rights that the coordinator has in
// a cluster, a proxy that makes the faults no server can be told to make, a cloud with stock. What the controllers of a
// kind do is in control-plane/, and what of it the contract asks for in the tests of that kind.

import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { startBetween } from "../control-plane/between.ts";
import type { Between, Fault } from "../control-plane/between.ts";
import { createProvider } from "../control-plane/provider.ts";
import type { Provider } from "../control-plane/provider.ts";
import { createCoordinatorAccount } from "../control-plane/rights.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import type { ScaleStage } from "./scale-harness.ts";

const DEADLINE_MS = 10_000;
/** A lost answer costs one of these. */
const LOSING_DEADLINE_MS = 2_000;
const RETRY_AFTER_S = 3;

export interface RealBench extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly between: Between;
  readonly provider: Provider;
  /** A namespace of its own, whose name no other bench shares. */
  readonly namespace: string;
  /** What no kind does in its own way. */
  readonly hands: Pick<
    ScaleStage,
    "client" | "deadlineMs" | "made" | "writes" | "stockOut" | "quota" | "deny" | "throttle" | "loseAnswer"
  >;
}

let benches = 0;

export async function openRealBench(plane: ControlPlane): Promise<RealBench> {
  benches += 1;
  const namespace = `bench-${benches}`;
  await plane.client.create(RESOURCE.namespaces, { metadata: { name: namespace } });
  const account = await createCoordinatorAccount(plane, { namespace, name: "coordinator" });
  const between = await startBetween(plane);
  const provider = createProvider(namespace);
  const client = plane.clientWith({
    token: account.token,
    url: between.url,
    userAgent: "gpu-autoscaler-coordinator",
  });
  let isLosing = false;

  return {
    plane,
    between,
    provider,
    namespace,
    hands: {
      client,
      get deadlineMs() {
        return isLosing ? LOSING_DEADLINE_MS : DEADLINE_MS;
      },
      made: async () => await done(provider.made),
      writes: async () => await done(between.count("write")),
      stockOut: async (left) => await done(provider.stock(left)),
      quota: async () => await done(provider.overQuota()),
      deny: async () => await account.onlyRead(),
      throttle: async () => {
        const headers = { "retry-after": String(RETRY_AFTER_S) };
        nextWrite(between, { kind: "answer", status: 429, headers, body: TOO_MANY });
        return await done(RETRY_AFTER_S);
      },
      loseAnswer: async (when) => {
        isLosing = true;
        await done(nextWrite(between, { kind: when === "before" ? "lose-request" : "lose-answer" }));
      },
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      await between[Symbol.asyncDispose]();
    },
  };
}

const TOO_MANY = JSON.stringify({
  apiVersion: "v1",
  kind: "Status",
  status: "Failure",
  code: 429,
  reason: "TooManyRequests",
  message: "too many requests, please try again later",
});

function nextWrite(between: Between, fault: Fault): void {
  let isOpen = true;
  between.onRequest(({ isWrite }) => {
    if (!isWrite || !isOpen) return null;
    isOpen = false;
    return fault;
  });
}

/** What is here does it at once, whatever a stage promises. */
async function done<T>(value: T): Promise<T> {
  return await Promise.resolve(value);
}
