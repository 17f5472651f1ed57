// Whether a member and a node are one machine, by what both say of it. A member names its node; where the providerID of
// the two differs, or one cannot be read, they are not joined, and why is said. Names alone are enough only where one of
// the two says nothing.

import { providerIdKey } from "../cloud/provider-id.ts";

export interface Joined {
  readonly node: string | null;
  /** Why the node that the member names is not its own. */
  readonly mismatch?: string;
}

export interface MemberWords {
  /** For messages: "Machine gpu-1". */
  readonly words: string;
  readonly node: string | undefined;
  readonly providerID: string | undefined;
}

/** `providerIdOf`: of a node by its name; undefined when it has none, or is not there. */
export function joinToNode(
  { words, node, providerID }: MemberWords,
  providerIdOf: (node: string) => string | undefined,
): Joined {
  if (node === undefined || node === "") return { node: null };
  const actual = providerIdOf(node);
  if (providerID === undefined || providerID === "" || actual === undefined || actual === providerID)
    return { node };
  const [ours, theirs] = [providerIdKey(providerID), providerIdKey(actual)];
  if (ours === null || theirs === null)
    return {
      node: null,
      mismatch: `${words}: the providerID ${ours === null ? providerID : `${actual} of its node ${node}`} cannot be read: correct it, or the cloud's own controller that wrote it`,
    };
  if (ours === theirs) return { node };
  return {
    node: null,
    mismatch: `${words} is ${providerID}, but its node ${node} is ${actual}: delete the one of the two that is left over`,
  };
}

/** Members with what is to be said of them. */
export function apart<T>(
  members: readonly { readonly instance: T; readonly mismatch?: string | undefined }[],
): { readonly instances: readonly T[]; readonly mismatches: readonly string[] } {
  return {
    instances: members.map(({ instance }) => instance),
    mismatches: members.flatMap(({ mismatch }) => (mismatch === undefined ? [] : [mismatch])),
  };
}
