// The simulated cloud as its back end meets it: our own protocol (coordinator/cloud/simulated/protocol.ts) over the
// world's groups. Every write depends on the version that was read; what does not fit is refused and changes nothing.

import type {
  RefusalCode,
  SimulatedGroupBody,
  WriteName,
} from "../../../coordinator/cloud/simulated/protocol.ts";
import { MAX_NAMES, WRITES } from "../../../coordinator/cloud/simulated/protocol.ts";
import type { CloudGroup } from "../../../coordinator/replay/world-cloud.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { startFace } from "./face.ts";
import type { Answer, Face, Incoming, Understood } from "./face.ts";

export interface SimulatedCloudOptions {
  /** `change` of a world server, or of whoever steps the world. */
  readonly change: <T>(make: (world: World) => T) => T;
  readonly clock: Clock;
  /** 0 lets the system choose. */
  readonly port?: number;
}

export type SimulatedCloud = Face<unknown>;

interface Refused {
  readonly code: RefusalCode;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const STATUS: Readonly<Record<RefusalCode, number>> = {
  "no-capacity": 503,
  quota: 403,
  throttled: 429,
  denied: 403,
  "not-found": 404,
  conflict: 409,
  refused: 422,
  misconfigured: 422,
};

export async function startSimulatedCloud({
  change,
  clock,
  port,
}: SimulatedCloudOptions): Promise<SimulatedCloud> {
  let skewMs = 0;
  return await startFace<unknown>({
    clock,
    ...(port === undefined ? {} : { port }),
    now: () => change(({ now }) => now),
    skewed: (ms) => {
      skewMs = ms;
    },
    protocol: {
      understand: (incoming) => {
        const write = /^\/groups\/([^/]+)\/(desired|remove|release|cancel)$/.exec(incoming.url.pathname);
        if (incoming.method === "POST" && write !== null) return writing(change, incoming, write);
        if (incoming.method === "GET" && incoming.url.pathname === "/groups")
          return looking(change, incoming, skewMs);
        return {
          action: "unknown",
          groups: [],
          write: false,
          parameters: null,
          run: () =>
            refusal({ code: "refused", message: `there is no ${incoming.method} ${incoming.url.pathname}` }),
        };
      },
      refuse: ({ code, message = "the cloud was told to refuse", retryAfterSeconds }) => ({
        ...refusal({
          // A code that the protocol does not know is a fault that a test may want.
          code: code as RefusalCode,
          message,
          ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
        }),
      }),
    },
  });
}

function looking(
  change: SimulatedCloudOptions["change"],
  { url }: Incoming,
  skewMs: number,
): Understood<unknown> {
  const groups = url.searchParams.getAll("name");
  return {
    action: "look",
    groups,
    write: false,
    parameters: null,
    run: () => {
      if (groups.length > MAX_NAMES)
        return refusal({
          code: "refused",
          message: `${groups.length} names, at most ${MAX_NAMES} in one call`,
        });
      return change(({ clouds, now }) => {
        const shown = groups.map((name) => {
          const group = clouds.group(name);
          return [name, group === null ? null : shownGroup(group, now, skewMs)];
        });
        return answer(200, { groups: Object.fromEntries(shown) as unknown });
      });
    },
  };
}

function writing(
  change: SimulatedCloudOptions["change"],
  { body }: Incoming,
  [, path = "", action = ""]: RegExpExecArray,
): Understood<unknown> {
  const name = decodeURIComponent(path);
  // The pattern of the path allows no other.
  const write = action as WriteName;
  const parameters = parsed(body);
  return {
    action: write,
    groups: [name],
    write: true,
    parameters,
    run: () =>
      change((world) => {
        const refused = doWrite(world, name, write, parameters);
        return refused === null ? answer(200, {}) : refusal(refused);
      }),
  };
}

/** Null when it was done. */
export function doWrite(
  { clouds }: World,
  name: string,
  write: WriteName,
  parameters: unknown,
): Refused | null {
  const group = clouds.group(name);
  if (group === null) return { code: "not-found", message: `there is no group ${name}` };
  const { error, data } = WRITES[write].safeParse(parameters);
  if (error !== undefined) return { code: "refused", message: error.message };
  if (data.version !== String(group.version)) {
    const message = `group ${name} is at version ${group.version}, not ${data.version}`;
    return { code: "conflict", message };
  }
  if ("instance" in data) {
    const member = group.instances.find(({ id, state }) => id === data.instance && state !== "terminating");
    if (member === undefined)
      return { code: "not-found", message: `${data.instance} is no member of group ${name}` };
    const refused = outOfBounds(group, group.desired - 1);
    if (refused !== null) return refused;
    if (write === "release") clouds.detach(member.id, { decrement: true });
    else clouds.terminate(member.id, { decrement: true });
    return null;
  }
  if ("count" in data) {
    const open = unfilled(group);
    if (open < data.count) {
      const message = `group ${name} has ${open} places without an instance, not ${data.count}`;
      return { code: "conflict", message };
    }
  }
  const to = "count" in data ? group.desired - data.count : data.to;
  const refused = outOfBounds(group, to);
  if (refused === null) clouds.setDesired(name, to);
  return refused;
}

function outOfBounds({ name, min, max }: CloudGroup, to: number): Refused | null {
  if (to >= min && to <= max) return null;
  return {
    code: "refused",
    message: `group ${name} is held between ${min} and ${max}, so it cannot be ${to}`,
  };
}

function unfilled({ desired, instances }: CloudGroup): number {
  return Math.max(0, desired - instances.filter(({ state }) => state !== "terminating").length);
}

export function shownGroup(group: CloudGroup, now: EpochMs, skewMs: number): SimulatedGroupBody {
  const { shape, activities, desiredAt } = group;
  const failed = activities.find(
    ({ what, failure, at }) => what === "launch" && failure !== null && at >= desiredAt,
  );
  return {
    desired: group.desired,
    min: group.min,
    max: group.max,
    version: String(group.version),
    chosenRemoval: true,
    instances: group.instances.map(({ id, zone, instanceType, state, providerID, createdAt }) => ({
      id,
      zone,
      instanceType,
      state,
      providerID,
      ageMs: elapsed(createdAt, now),
    })),
    ...(failed === undefined || failed.failure === null
      ? {}
      : { failure: { ...failed.failure, at: failed.at + skewMs } }),
    template: {
      instanceTypes: [...shape.instanceTypes],
      labels: {
        [NODE_LABEL.pool]: shape.name,
        [NODE_LABEL.capacityType]: shape.capacityType,
        ...shape.labels,
      },
      taints: (shape.taints ?? []).map((taint) => ({ ...taint })),
      allocatable: { ...shape.allocatable },
    },
  };
}

function answer(status: number, body: unknown): Answer {
  return { status, contentType: "application/json", text: JSON.stringify(body), isRefusal: false };
}

function refusal(error: Refused): Answer {
  return { ...answer(STATUS[error.code] ?? 500, { error }), isRefusal: true };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
