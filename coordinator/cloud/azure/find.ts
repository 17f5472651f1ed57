// Reads groups of a subscription: one of them anew, or many with as few calls as Azure allows. Azure shows the sizes of a
// resource group or of a cluster in one list, and machines of each set apart; a set at rest is asked for its machines
// every half a minute only. One answer that cannot be read does not cost the others theirs.

import { AZURE_TAG } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import { createRecent } from "../recent.ts";
import { within } from "../within.ts";
import { cluster as clusterBody, named, readAs, scaleSet } from "./bodies.ts";
import type { AzureCalls } from "./calls.ts";
import { parseKey } from "./keys.ts";
import type { AgentPoolKey, AzureKey, ScaleSetKey } from "./keys.ts";
import { agentPoolOf, machinesOf, scaleSetOf } from "./reading.ts";
import type { AzureGroupBody, AzureMachine, AzureReading } from "./reading.ts";

export type Found =
  | { readonly kind: "found"; readonly reading: AzureReading }
  | { readonly kind: "missing"; readonly detail: string }
  /** Azure has answered, and the answer is of no use for this group. */
  | { readonly kind: "unknown"; readonly error: unknown }
  /** Azure could not be asked. */
  | { readonly kind: "failed"; readonly error: unknown };

export interface Finder {
  /** With its machines, all of it asked anew. @throws AppError `not-found`, `misconfigured`, `malformed`, or as calls do. */
  readOne(key: string, options: CallOptions): Promise<AzureReading>;
  /** Without its machines. @throws AppError as `readOne`. */
  readBody(key: string, options: CallOptions): Promise<AzureGroupBody>;
  /** Its machines alone, asked anew; of a pool that has no scale set at present none. @throws AppError as `readOne`. */
  readMachines(key: string, options: CallOptions): Promise<readonly AzureMachine[]>;
  /** One entry for each key; rejects for nothing but the end of `options.signal`. */
  readAll(keys: readonly string[], options: CallOptions): Promise<ReadonlyMap<string, Found>>;
  /** Something was written, or may have been: what is known of its machines is old. */
  forget(key: string): void;
}

interface SetPlace extends Pick<ScaleSetKey, "resourceGroup" | "name"> {
  /** Of a pool's set, as the last list showed it: changes with whatever happens to the set. */
  readonly mark?: string;
}
type ClusterPlace = Pick<AgentPoolKey, "resourceGroup" | "cluster">;

interface Cluster {
  readonly location: string;
  readonly nodeResourceGroup: string;
}

type Body = readonly [key: string, body: AzureGroupBody | { readonly error: unknown }];

interface Known {
  readonly shape: string;
  readonly askedMs: Millis;
  readonly machines: readonly AzureMachine[];
}

/** A machine that goes by itself changes the size, which is read each time; this is for what changes no size. */
const AT_REST_MS = 30_000;

export function createFinder(calls: AzureCalls, clock: Clock): Finder {
  const known = createRecent<Known>(clock);
  const clusters = createRecent<Cluster>(clock);
  /** Cluster → pool → its scale set. */
  const sets = createRecent<ReadonlyMap<string, SetPlace>>(clock);
  const clustersAsked = new Map<string, Promise<Cluster>>();
  const setsAsked = new Map<string, Promise<ReadonlyMap<string, SetPlace>>>();

  async function clusterOf(place: ClusterPlace, options: CallOptions): Promise<Cluster> {
    const id = `${place.resourceGroup}/${place.cluster}`;
    return (
      clusters.get(id) ??
      (await shared(clustersAsked, id, async () => {
        const words = `AKS cluster ${place.cluster}`;
        const { location, properties } = readAs(clusterBody, await calls.getCluster(place, options), words);
        const found = { location, nodeResourceGroup: properties.nodeResourceGroup };
        clusters.set(id, found);
        return found;
      }))
    );
  }

  function setKnownOf({ resourceGroup, cluster, name }: AgentPoolKey): SetPlace | null {
    return sets.get(`${resourceGroup}/${cluster}`)?.get(name) ?? null;
  }

  /** By the tag that AKS puts on its sets. Asked anew where the pool is not among those that are known. */
  async function setOf(key: AgentPoolKey, options: CallOptions): Promise<SetPlace | null> {
    const before = setKnownOf(key);
    if (before !== null) return before;
    return (await listSets(key, options)).get(key.name) ?? null;
  }

  async function listSets(place: ClusterPlace, options: CallOptions): Promise<ReadonlyMap<string, SetPlace>> {
    const id = `${place.resourceGroup}/${place.cluster}`;
    return await shared(setsAsked, id, async () => {
      const { nodeResourceGroup: resourceGroup } = await clusterOf(place, options);
      const listed = await calls.listScaleSets(resourceGroup, options);
      const found = new Map(
        listed.flatMap((body): (readonly [string, SetPlace])[] => {
          const read = scaleSet.pick({ name: true, tags: true }).safeParse(body);
          const pool = read.success ? read.data.tags?.[AZURE_TAG.aksPool]?.toLowerCase() : undefined;
          if (!read.success || pool === undefined) return [];
          return [[pool, { resourceGroup, name: read.data.name, mark: markOf(body) }]];
        }),
      );
      sets.set(id, found);
      return found;
    });
  }

  async function bodyOf(key: AzureKey, options: CallOptions): Promise<AzureGroupBody> {
    if (key.kind === "scale-set") return scaleSetOf(key, await calls.getScaleSet(key, options));
    const [body, { location }] = await Promise.all([
      calls.getAgentPool(key, options),
      clusterOf(key, options),
    ]);
    return agentPoolOf(key, body, location);
  }

  async function listed(key: AzureKey, set: SetPlace, options: CallOptions): Promise<readonly unknown[]> {
    try {
      return await calls.listMachines(set, options);
    } catch (error) {
      // AKS may have made the pool's set anew.
      if (key.kind === "agent-pool" && kindOf(error) === "not-found")
        sets.delete(`${key.resourceGroup}/${key.cluster}`);
      throw error;
    }
  }

  async function placeOf({ key, size }: AzureGroupBody, options: CallOptions): Promise<SetPlace | null> {
    if (key.kind === "scale-set") return key;
    const set = await setOf(key, options);
    if (set === null && size > 0)
      throw new AppError(
        "unavailable",
        `${key.words}: AKS shows no scale set of it, so that its machines are not known`,
      );
    return set;
  }

  function kept(
    body: AzureGroupBody,
    set: SetPlace | null,
    listing: readonly unknown[],
  ): readonly AzureMachine[] {
    const machines = machinesOf(body, listing, body.key.words);
    known.set(body.key.key, { shape: shapeOf(body, set), askedMs: clock.monotonic(), machines });
    return machines;
  }

  /** What is known of its machines, if nothing about them can have changed without a trace. */
  function restingMachines(body: AzureGroupBody, set: SetPlace | null): readonly AzureMachine[] | null {
    const before = known.get(body.key.key);
    if (body.size === 0 && (before?.machines ?? []).length === 0) return [];
    return before !== undefined &&
      before.shape === shapeOf(body, set) &&
      before.machines.length === body.size &&
      before.machines.every(({ atRest }) => atRest) &&
      clock.monotonic() - before.askedMs < AT_REST_MS
      ? before.machines
      : null;
  }

  async function withMachines(body: AzureGroupBody, options: CallOptions): Promise<AzureReading> {
    const set = await placeOf(body, options);
    const resting = restingMachines(body, set);
    if (resting !== null) return { ...body, set, machines: resting };
    const listing = set === null ? [] : await listed(body.key, set, options);
    return { ...body, set, machines: kept(body, set, listing) };
  }

  /** Several calls as one: what is slow over all of them ends as one that is slow over the first. */
  async function inTime<T>(
    what: string,
    options: CallOptions,
    work: (left: CallOptions) => Promise<T>,
  ): Promise<T> {
    return await within(
      clock,
      options,
      `read of ${what}`,
      async (signal) => await work({ ...options, signal }),
    );
  }

  /** Bodies of many groups that one list shows: `list` when there are several. */
  async function bodiesTogether<K extends AzureKey>(
    keys: readonly K[],
    options: CallOptions,
    list: (left: CallOptions) => Promise<readonly unknown[]>,
    read: (key: K, body: unknown) => Promise<AzureGroupBody>,
  ): Promise<readonly Body[]> {
    const [only, another] = keys;
    if (only === undefined) return [];
    if (another === undefined)
      return [
        [
          only.key,
          await orError(
            async () => await inTime(only.words, options, async (left) => await bodyOf(only, left)),
          ),
        ],
      ];
    const bodies = await orError(async () => await inTime(`${keys.length} groups`, options, list));
    if ("error" in bodies) return keys.map(({ key }) => [key, bodies] as const);
    const byName = new Map(
      bodies.flatMap((body) => {
        const found = named.safeParse(body);
        return found.success ? [[found.data.name.toLowerCase(), body] as const] : [];
      }),
    );
    return await Promise.all(
      keys.map(async (key) => {
        const found = await orError(async () => {
          if (!byName.has(key.name))
            throw new AppError(
              "not-found",
              `there is no ${key.words} in ${key.resourceGroup} that this identity sees`,
            );
          return await read(key, byName.get(key.name));
        });
        return [key.key, found] as const;
      }),
    );
  }

  /** One promise for each list, so that one that is slow holds up its own groups alone. */
  function bodiesOf(keys: readonly AzureKey[], options: CallOptions): readonly Promise<readonly Body[]>[] {
    const ofSets = Map.groupBy(
      keys.filter((key) => key.kind === "scale-set"),
      ({ resourceGroup }) => resourceGroup,
    );
    const ofPools = Map.groupBy(
      keys.filter((key) => key.kind === "agent-pool"),
      ({ resourceGroup, cluster }) => `${resourceGroup}/${cluster}`,
    );
    return [
      ...[...ofSets].map(
        async ([resourceGroup, some]) =>
          await bodiesTogether(
            some,
            options,
            async (left) => await calls.listScaleSets(resourceGroup, left),
            async (key, body) => await Promise.resolve(scaleSetOf(key, body)),
          ),
      ),
      ...[...ofPools.values()].map(async (some) => {
        const [{ resourceGroup, cluster } = { resourceGroup: "", cluster: "" }] = some;
        const place = { resourceGroup, cluster };
        // Which of their sets have changed, for those whose machines need not be asked for otherwise.
        const hasMachines = some.some(({ key }) => (known.get(key)?.machines.length ?? 0) > 0);
        const marked = hasMachines
          ? orError(async () => await inTime(cluster, options, async (left) => await listSets(place, left)))
          : null;
        const bodies = await bodiesTogether(
          some,
          options,
          async (left) => await calls.listAgentPools(place, left),
          async (key, body) => agentPoolOf(key, body, (await clusterOf(place, options)).location),
        );
        await marked;
        return bodies;
      }),
    ];
  }

  return {
    forget: (key) => known.delete(key),
    readBody: async (text, options) => await bodyOf(parseKey(text), options),
    readMachines: async (text, options) => {
      const key = parseKey(text);
      // A pool that has nodes has a scale set, also while Azure does not show it.
      const place =
        key.kind === "scale-set"
          ? key
          : (setKnownOf(key) ?? (await placeOf(await bodyOf(key, options), options)));
      // Nobody asks where they are.
      return place === null ? [] : machinesOf({ location: "" }, await listed(key, place, options), key.words);
    },
    readOne: async (text, options) => {
      const key = parseKey(text);
      const place = key.kind === "scale-set" ? key : setKnownOf(key);
      const hadMachines = (known.get(text)?.machines.length ?? 0) > 0;
      // One that had machines a moment ago has them still: both are asked for at once.
      if (place !== null && hadMachines) {
        const [body, listing] = await Promise.all([bodyOf(key, options), listed(key, place, options)]);
        return { ...body, set: place, machines: kept(body, place, listing) };
      }
      const body = await bodyOf(key, options);
      known.delete(text);
      return await withMachines(body, options);
    },
    readAll: async (texts, options) => {
      known.sweep();
      clusters.sweep();
      sets.sweep();
      const ends = clock.monotonic() + options.deadlineMs;
      const found = await Promise.all(
        bodiesOf(texts.map(parseKey), options).map(
          async (part) =>
            await Promise.all(
              (await part).map(async ([key, body]): Promise<readonly [string, Found]> => {
                if ("error" in body) return [key, foundError(body.error)] as const;
                const left = { ...options, deadlineMs: millis(Math.max(1, ends - clock.monotonic())) };
                const reading = await orError(
                  async () =>
                    await inTime(body.key.words, left, async (own) => await withMachines(body, own)),
                );
                return [
                  key,
                  "error" in reading ? foundError(reading.error) : { kind: "found", reading },
                ] as const;
              }),
            ),
        ),
      );
      options.signal.throwIfAborted();
      return new Map<string, Found>(found.flat());
    },
  };
}

/** Pools of one cluster that ask for the same at the same moment share the call. */
async function shared<T>(asked: Map<string, Promise<T>>, id: string, ask: () => Promise<T>): Promise<T> {
  const before = asked.get(id);
  if (before !== undefined) return await before;
  const asking = ask().finally(() => asked.delete(id));
  asked.set(id, asking);
  return await asking;
}

/** Of what changes with a size or a write. AKS counts the nodes that were asked for, and its set those that are there. */
function shapeOf({ size, etag, provisioning }: AzureGroupBody, set: SetPlace | null): string {
  return JSON.stringify([size, etag, provisioning, set?.mark ?? null]);
}

function markOf(body: unknown): string {
  const read = scaleSet.safeParse(body);
  if (!read.success) return "";
  const { sku, etag, properties } = read.data;
  return JSON.stringify([sku.capacity, etag ?? null, properties.provisioningState]);
}

async function orError<T extends object>(work: () => Promise<T>): Promise<T | { readonly error: unknown }> {
  try {
    return await work();
  } catch (error) {
    return { error };
  }
}

/** Azure has answered something of no use for this group. */
const USELESS: readonly ErrorKind[] = ["malformed", "misconfigured", "bug"];

function foundError(error: unknown): Found {
  const kind = kindOf(error);
  if (kind === "not-found") return { kind: "missing", detail: describe(error) };
  return USELESS.includes(kind) ? { kind: "unknown", error } : { kind: "failed", error };
}
