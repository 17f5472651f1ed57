// One project of Google Cloud: looks at its managed instance groups and hands out the NodeGroup of each. Google's library
// for credentials is loaded when an account is made and not before. What is seen is kept elsewhere (observe/clouds.ts).

import { randomInt } from "node:crypto";

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import { readEnvironment } from "../../../shared/runtime/settings.ts";
import type { CloudAccount, GroupLook } from "../account.ts";
import type { MadeAccount } from "../accounts.ts";
import { createBatchedReads } from "../batch.ts";
import type { CallOptions, GroupState } from "../group.ts";
import type { Limiter } from "../limiter.ts";
import { within } from "../within.ts";
import { createGcpCalls } from "./calls.ts";
import { findGroups, instancesOf } from "./find.ts";
import type { Found } from "./find.ts";
import { holdReason, rivalsOf, sentencesOf } from "./fitness.ts";
import { createAutoscalers, createNodePools } from "./growers.ts";
import { createHttp, ENDPOINTS } from "./http.ts";
import type { Endpoints } from "./http.ts";
import { asideIn, membersOf } from "./members.ts";
import { createNames } from "./names.ts";
import { createGcpGroup } from "./node-group.ts";
import { createOperations } from "./operations.ts";
import { probeRights } from "./probe.ts";
import { placeOf, stateOf } from "./reading.ts";
import type { GcpInstance, GcpReading } from "./reading.ts";
import { createSightings } from "./sightings.ts";
import { templateOf } from "./template.ts";
import { createTemplates, typesOf } from "./templates.ts";

export interface GcpAccountOptions {
  readonly project: string;
  readonly clock: Clock;
  /** Of this account alone. */
  readonly limiter: Pick<Limiter, "run">;
  /** For tests and private endpoints. Absent: the environment's, else Google's own. */
  readonly endpoints?: Endpoints;
  /** Absent: application default credentials. */
  readonly token?: () => Promise<string>;
  /** So many random ones of a to z and 0 to 9, for names of new machines. */
  readonly letters?: (count: number) => string;
}

/** As many as one list of a zone shows. */
const BATCH = 500;
/** Of a look's time, what the sizes may take, and what is beside them: the sizes are not lost for its sake. */
const SIZES_SHARE = 0.75;
/** And of it the operations that are still open: one that nobody answers for must not cost the others their sizes. */
const OPERATIONS_SHARE = 0.25;
const BESIDES_SHARE = 0.5;
const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

type Looked =
  | { readonly kind: "found"; readonly reading: GcpReading; readonly instances: readonly GcpInstance[] }
  | Exclude<Found, { readonly kind: "found" }>;

export async function createGcpAccount(options: GcpAccountOptions): Promise<MadeAccount> {
  const {
    project,
    clock,
    limiter,
    endpoints = endpointsOf(readEnvironment()),
    letters = randomLetters,
  } = options;
  const token = options.token ?? (await defaultTokens(project));
  const calls = createGcpCalls(createHttp({ endpoints, token }), limiter, project);
  const templates = createTemplates(calls, clock);
  const nodePools = createNodePools(calls, clock);
  const autoscalers = createAutoscalers(calls, clock);
  const operations = createOperations(calls, (key) => placeOf(key).zone, clock);
  const names = createNames(clock, letters);
  const sightings = createSightings(clock);
  const behind = new WeakMap<GroupState, GcpReading>();

  async function find(keys: readonly string[], limits: CallOptions): Promise<ReadonlyMap<string, Found>> {
    return await findGroups(calls, project, keys, limits);
  }

  const reads = createBatchedReads<Found>(find, { clock, maxBatch: BATCH });

  function whyHold(reading: GcpReading): string | null {
    return holdReason(reading, templates.of(reading).facts);
  }

  async function listed(
    key: string,
    reading: Pick<GcpReading, "at" | "hasInstances">,
    limits: CallOptions,
  ): Promise<readonly GcpInstance[]> {
    const instances = await instancesOf(calls, reading, limits);
    sightings.saw(key, instances);
    return instances;
  }

  /** With its managed instances: a group whose list cannot be read is unknown, since its open places would be too. */
  async function withInstances(key: string, found: Found, limits: CallOptions): Promise<Looked> {
    if (found.kind !== "found") return found;
    try {
      return { ...found, instances: await listed(key, found.reading, limits) };
    } catch (error) {
      limits.signal.throwIfAborted();
      return { kind: "failed", error };
    }
  }

  function lookOf(looked: Looked, held: string | null): GroupLook {
    switch (looked.kind) {
      case "found":
        return seen(looked.reading, looked.instances, held);
      case "missing":
        return looked;
      case "unknown":
      case "failed":
        return { kind: "unknown", detail: describe(looked.error) };
      default:
        return looked satisfies never;
    }
  }

  function seen(reading: GcpReading, instances: readonly GcpInstance[], held: string | null): GroupLook {
    const detail = whyHold(reading);
    if (detail !== null) return { kind: "unknown", detail };
    const { facts, sizes, problems } = templates.of(reading);
    const types = typesOf(reading.types, facts);
    const [type = null, anotherType] = types;
    const group = { project, zone: reading.at.zone, type: anotherType === undefined ? type : null };
    const aside = asideIn(instances, group);
    const [newest] = facts;
    const pools = facts.flatMap(({ nodePool }) => nodePool ?? []).map((pool) => nodePools.of(pool));
    const autoscaler = reading.autoscaler === null ? null : autoscalers.of(reading.autoscaler);
    const rivals = rivalsOf(reading, {
      autoscaler: autoscaler?.sizes ?? null,
      nodePool: pools.find(({ sizes }) => sizes !== null)?.sizes ?? null,
    });
    return {
      kind: "seen",
      state: stateOf(reading, held),
      chosenRemoval: true,
      detaches: false,
      replacesLeaving: true,
      members: membersOf(instances, group),
      ...(aside.length === 0 ? {} : { aside }),
      ...(newest === undefined ? {} : { template: templateOf(newest, types, sizes) }),
      // While a group changes its template the next machine may be of either.
      ...(newest === undefined || facts.some(({ isSpot }) => isSpot !== newest.isSpot)
        ? {}
        : { capacityType: newest.isSpot ? "spot" : "on-demand" }),
      mismatches: [
        ...sentencesOf(reading, instances),
        ...problems,
        ...facts.flatMap((one) => one.problems),
        ...[...pools, autoscaler].flatMap((grower) => grower?.problem ?? []),
      ],
      ...(rivals.length === 0 ? {} : { rivals }),
    };
  }

  async function lookAt(
    keys: readonly string[],
    limits: CallOptions,
  ): Promise<ReadonlyMap<string, GroupLook>> {
    // One call that nobody answers ends before the look does, and does not cost the others theirs.
    const begunMs = clock.monotonic();
    const endMs = begunMs + limits.deadlineMs;
    const short = { ...limits, deadlineMs: millis(limits.deadlineMs * OPERATIONS_SHARE) };
    const held = new Map(
      await Promise.all(keys.map(async (key) => [key, await operations.heldBy(key, short)] as const)),
    );
    const sizesEndMs = begunMs + limits.deadlineMs * SIZES_SHARE;
    const ends = { ...limits, deadlineMs: millis(Math.max(1, sizesEndMs - clock.monotonic())) };
    const found = [...(await find(keys, ends))];
    const left = (): CallOptions => ({
      ...limits,
      deadlineMs: millis(Math.max(1, (endMs - clock.monotonic()) * BESIDES_SHARE)),
    });
    const readings = found.flatMap(([, entry]) => (entry.kind === "found" ? [entry.reading] : []));
    const [looked] = await Promise.all([
      Promise.all(found.map(async ([key, entry]) => [key, await withInstances(key, entry, ends)] as const)),
      templates.learn(readings, left()),
    ]);
    const failed = looked.flatMap(([, entry]) => (entry.kind === "failed" ? [entry.error] : []));
    if (failed.length > 0 && failed.length === looked.length) throw failed[0];
    const pools = readings.flatMap((reading) =>
      templates.of(reading).facts.flatMap(({ nodePool }) => nodePool ?? []),
    );
    const autoscaling = readings.flatMap(({ autoscaler }) => autoscaler ?? []);
    const limitsOfBoth = left();
    await Promise.all([nodePools.learn(pools, limitsOfBoth), autoscalers.learn(autoscaling, limitsOfBoth)]);
    return new Map(looked.map(([key, entry]) => [key, lookOf(entry, held.get(key) ?? null)]));
  }

  const account: CloudAccount = {
    backEnd: "gcp",
    name: `gcp ${project}`,
    look: async (keys, limits) =>
      await within(
        clock,
        limits,
        `look at ${keys.length} groups of project ${project}`,
        async (signal) => await lookAt(keys, { ...limits, signal }),
      ),
    group: (key) =>
      createGcpGroup(key, {
        calls,
        reads,
        clock,
        behind,
        holdReason: whyHold,
        operations,
        names,
        instancesOf: listed,
        sightings,
      }),
    probe: async (keys, limits) => await probeRights(calls, keys, limits),
  };
  return { account, close: () => {} };
}

async function defaultTokens(project: string): Promise<() => Promise<string>> {
  const { createTokens } = await import("./auth.ts");
  return createTokens(project);
}

/** By the names that gcloud knows too. The addresses end as Google's own do, or without the slash. */
function endpointsOf(env: Readonly<Record<string, string | undefined>>): Endpoints {
  const own = (name: string, google: string): string => {
    const given = env[`CLOUDSDK_API_ENDPOINT_OVERRIDES_${name}`];
    return given === undefined || given === "" ? google : given.replace(/\/*$/, "/");
  };
  return {
    compute: own("COMPUTE", ENDPOINTS.compute),
    container: own("CONTAINER", ENDPOINTS.container),
    cloudresourcemanager: own("CLOUDRESOURCEMANAGER", ENDPOINTS.cloudresourcemanager),
  };
}

function randomLetters(count: number): string {
  return Array.from({ length: count }, () => LETTERS.charAt(randomInt(LETTERS.length))).join("");
}
