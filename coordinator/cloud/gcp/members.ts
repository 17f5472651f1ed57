// The members of a group as the contract has them: machines by their name and number, since a machine that is made anew
// has the name of the old one, and one entry for each place of the size that no machine fills. Pure.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { Member } from "../account.ts";
import { formatProviderId } from "../provider-id.ts";
import { launchKindOf } from "./codes.ts";
import type { GcpInstance } from "./reading.ts";
import { isEmpty } from "./standing.ts";

export interface MembersOf {
  readonly project: string;
  readonly zone: string;
  /** Where all machines of the group are of one type. */
  readonly type: string | null;
}

/** Names have no slash. */
const PLACE = "place";
/** Of a machine that is gone, whose number nobody tells any more. */
const GONE = "gone";
const DETAIL_MAX = 300;

export function membersOf(instances: readonly GcpInstance[], group: MembersOf): readonly Member[] {
  return instances.flatMap((instance): Member[] => {
    switch (instance.standing) {
      case "filled":
        // A new machine in an old one's place: whoever was bought a successor for the old one has to find it.
        return instance.action === "RECREATING"
          ? [machine({ ...instance, number: null }, group, "leaving"), machine(instance, group, "present")]
          : [machine(instance, group, "present")];
      case "leaving":
        // What never had a machine leaves no trace.
        return instance.number === null ? [] : [machine(instance, group, "leaving")];
      case "ending":
        return [machine(instance, group, "leaving"), place(instance, group)];
      case "open":
        return instance.action === "RECREATING"
          ? [machine(instance, group, "leaving"), place(instance, group)]
          : [place(instance, group)];
      case "aside":
        return [];
      default:
        return instance.standing satisfies never;
    }
  });
}

/** providerIDs of machines that the size does not count. */
export function asideIn(instances: readonly GcpInstance[], group: MembersOf): readonly string[] {
  return instances
    .filter(({ standing }) => standing === "aside")
    .map((instance) => providerIdOf(instance, group));
}

/** Places without a machine, those first that Google failed to fill. */
export function openIn(instances: readonly GcpInstance[]): readonly GcpInstance[] {
  return instances
    .filter(({ standing, raw }) => (standing === "open" || standing === "ending") && isEmpty(raw))
    .toSorted((a, b) => Number(a.error === null) - Number(b.error === null));
}

export function memberId({ name, number }: Pick<GcpInstance, "name" | "number">): string {
  return `${name}/${number ?? GONE}`;
}

/** The place or the machine that an id of ours names. @throws AppError `not-found` for what can be no id of this cloud. */
export function nameIn(id: string): { readonly name: string; readonly of: "place" | "gone" | "machine" } {
  const [name = "", part = "", ...rest] = id.split("/");
  if (name === "" || part === "" || rest.length > 0)
    throw new AppError("not-found", `${id} is no machine of a managed instance group`);
  return { name, of: part === PLACE ? "place" : part === GONE ? "gone" : "machine" };
}

/** Google does not say when a machine began. */
function machine(instance: GcpInstance, group: MembersOf, state: Member["state"]): Member {
  return {
    id: memberId(instance),
    state,
    providerID: providerIdOf(instance, group),
    ...kindOf(instance, group),
  };
}

function place(instance: GcpInstance, group: MembersOf): Member {
  const base = { id: `${instance.name}/${PLACE}`, placeholder: true, ...kindOf(instance, group) };
  if (instance.error === null) return { ...base, state: "present" };
  const { code = "unknown", message = "Google gives no reason" } = instance.error;
  const text = `${code}: ${message}`;
  const detail = text.length > DETAIL_MAX ? `${text.slice(0, DETAIL_MAX)}…` : text;
  return { ...base, state: "failed", failure: { kind: launchKindOf(instance.error), detail } };
}

function kindOf({ type }: GcpInstance, group: MembersOf): Pick<Member, "zone" | "instanceType"> {
  const instanceType = type ?? group.type;
  return { zone: group.zone, ...(instanceType === null ? {} : { instanceType }) };
}

function providerIdOf({ name }: GcpInstance, { project, zone }: MembersOf): string {
  return formatProviderId({ scheme: "gce", project, zone, instance: name });
}
