// One group of the simulated cloud's answer as the coordinator knows groups: size, bounds, members, places that no
// instance fills, and why they are not filled. Pure: ages become instants with the time that comes in.

import { parseResources } from "../../../shared/model/resources.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { GroupLook, Member } from "../account.ts";
import { simulatedGroup } from "./protocol.ts";
import type { SimulatedGroupBody } from "./protocol.ts";

type SeenGroup = Extract<GroupLook, { kind: "seen" }>;

/** When the instance was first seen to be as old as the cloud says; the same at each look. */
export type CreatedAt = (id: string, ageMs: number) => EpochMs;

/** `body`: what the answer holds under the group's name; undefined when it does not name it. */
export function lookOf(name: string, body: unknown, createdAt: CreatedAt): GroupLook {
  if (body === null) return { kind: "missing", detail: `the simulated cloud has no group ${name}` };
  const read = simulatedGroup.safeParse(body);
  if (!read.success) {
    const [issue] = read.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    return {
      kind: "unknown",
      detail: `group ${name} cannot be read: ${where}${issue?.message ?? "malformed"}`,
    };
  }
  const template = templateOf(read.data);
  if (template === null)
    return {
      kind: "unknown",
      detail: `group ${name} cannot be read: template.allocatable is no list of quantities`,
    };
  const { desired, min, max, version, chosenRemoval, instances } = read.data;
  const open = Math.max(0, desired - instances.filter(({ state }) => state !== "terminating").length);
  return {
    kind: "seen",
    state: { size: desired, version, min, max, unfilled: open },
    chosenRemoval,
    detaches: true,
    members: [
      ...instances.map((instance): Member => {
        const { id, zone, instanceType, providerID, state, ageMs } = instance;
        const seen = state === "terminating" ? "leaving" : "present";
        return { id, zone, instanceType, providerID, state: seen, createdAt: createdAt(id, ageMs) };
      }),
      ...placeholders(name, open, read.data),
    ],
    template,
    mismatches: [],
  };
}

function placeholders(name: string, open: number, { failure }: SimulatedGroupBody): readonly Member[] {
  const common: Pick<Member, "state" | "failure"> =
    failure === undefined
      ? { state: "present" }
      : { state: "failed", failure: { kind: failure.kind, detail: `${failure.code}: ${failure.message}` } };
  return Array.from({ length: open }, (_, at) => ({
    id: `${name}/placeholder-${at + 1}`,
    placeholder: true,
    ...common,
  }));
}

/** Null when the quantities cannot be read. */
function templateOf({ template }: SimulatedGroupBody): NonNullable<SeenGroup["template"]> | null {
  try {
    const { instanceTypes, labels, allocatable } = template;
    const taints = template.taints.map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value === undefined ? {} : { value }),
    }));
    return { instanceTypes, labels, taints, allocatable: parseResources(allocatable) };
  } catch {
    return null;
  }
}

/** Remembers the first instant that an age gave, for as long as the instance is in the group's answers. */
export function createFirstSeen(now: () => EpochMs): {
  /** For one answer of one group: what it does not ask for is forgotten. */
  of(group: string): CreatedAt;
} {
  const known = new Map<string, ReadonlyMap<string, EpochMs>>();
  return {
    of: (group) => {
      const before = known.get(group);
      const next = new Map<string, EpochMs>();
      known.set(group, next);
      return (id, ageMs) => {
        const at = before?.get(id) ?? epochMs(Math.max(0, now() - ageMs));
        next.set(id, at);
        return at;
      };
    },
  };
}
