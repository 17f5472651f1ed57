// Which fields of snapshots and plans name something, and what. All others keep what they say: amounts, instants, kinds,
// machine types, zones, prices, resources, and policies with their pools and groups, by which a changed policy is matched.

/** A name of its own: node, instance, GPU, uid, claim, notice. */
export const NAME_FIELDS: ReadonlySet<string> = new Set([
  "node",
  "nominatedNode",
  "instance",
  "instanceId",
  "uid",
  "uuid",
  "id",
  "notice",
  "claim",
  "bootID",
  "resourceClaims",
  "provisioningRequest",
]);

/** `<namespace>/<name>`. */
export const OBJECT_FIELDS: ReadonlySet<string> = new Set([
  "pod",
  "pods",
  "budget",
  "budgets",
  "gang",
  "leftOut",
  "promised",
]);

/** Words for people, in which a name may stand. */
export const TEXT_FIELDS: ReadonlySet<string> = new Set([
  "detail",
  "problems",
  "mismatches",
  "keptBecause",
  "reason",
  "uri",
  "what",
  "term",
  "taint",
  "label",
  "wanted",
  "wants",
  "with",
  "domain",
  "has",
  "seen",
]);

/** Label → value. */
export const LABEL_FIELDS: ReadonlySet<string> = new Set(["labels", "nodeSelector", "matchLabels"]);

/** Records by a name. */
export const NAME_KEYED: ReadonlySet<string> = new Set(["daemons", "countedNotices", "openHints", "noticed"]);

/** Records by what a move is known by, or a member of a group. */
export const MOVE_KEYED: ReadonlySet<string> = new Set(["explained", "exempt", "failedSince"]);

/** Lists whose items have the key of a move. */
export const MOVE_LISTS: ReadonlySet<string> = new Set(["moves", "asked", "recalls"]);

/** Lists whose items are named `<namespace>/<name>` in `key`. */
export const OBJECT_LISTS: ReadonlySet<string> = new Set(["pods", "budgets", "daemons"]);
