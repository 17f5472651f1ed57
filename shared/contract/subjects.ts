// Subject names, built from parts and taken apart again. A node's name is one token: a Kubernetes name has
// dots but never an underscore, so "." is written "_" and nothing is lost.

import { SUBJECT_ROOT } from "../model/names.ts";

/** What agents say, and, with `tell`, what the coordinator says to one of them. */
export const MESSAGE_KINDS = ["report", "notice", "drain", "health", "tell"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];
/** Subjects of one node on which requests are answered. */
export type RequestKind = "ask";

const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** `gpuas.v1.report.<node>`. @throws RangeError when `node` is not a Kubernetes node name. */
export function subjectFor(
  kind: MessageKind | RequestKind,
  node: string,
  root: string = SUBJECT_ROOT,
): string {
  return `${root}.${kind}.${tokenOf(node)}`;
}

function tokenOf(node: string): string {
  if (!NODE_NAME.test(node)) {
    throw new RangeError(
      `node name ${JSON.stringify(node)} is not a Kubernetes name (lower-case letters, digits, "-" and ".")`,
    );
  }
  return node.replaceAll(".", "_");
}

/**
 * Before the subjects on which an agent gets its answers: one of its own, so that it may be let listen there and nowhere
 * else. @throws RangeError as subjectFor.
 */
export function inboxPrefixFor(node: string): string {
  return `_INBOX.${tokenOf(node)}`;
}

/** All nodes' messages of one kind. */
export function subjectsOf(kind: MessageKind, root: string = SUBJECT_ROOT): string {
  return `${root}.${kind}.*`;
}

/** The kind and node that a subject names, or null when it is not one of ours. */
export function parseSubject(
  subject: string,
  root: string = SUBJECT_ROOT,
): { readonly kind: MessageKind; readonly node: string } | null {
  if (!subject.startsWith(`${root}.`)) return null;
  const [kind, token, ...rest] = subject.slice(root.length + 1).split(".");
  if (rest.length > 0 || token === undefined) return null;
  const known = MESSAGE_KINDS.find((one) => one === kind);
  if (known === undefined) return null;
  const node = token.replaceAll("_", ".");
  return NODE_NAME.test(node) ? { kind: known, node } : null;
}
