// Policies made safe to decide by. One whose spec or journal cannot be read does nothing and says why, like any that is
// not valid; a group that cannot be read is a size that nobody knows, and the other pools go on.

import { parsePolicy } from "../../../shared/contract/policy.ts";
import type { ParsedPolicy, PolicySpec } from "../../../shared/contract/policy.ts";
import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { RIVAL_KINDS } from "../../../shared/model/rival.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Journal } from "../snapshot-memory.ts";
import type {
  ForecastInput,
  ForecastPart,
  GroupReading,
  PolicyInput,
  PoolInput,
  RivalInput,
} from "../snapshot.ts";
import { isAbsentOr, isCount, isFlag, isList, isListOf, isOneOf, isRecord, isText } from "./sane-form.ts";
import type { Unread } from "./sane-form.ts";
import { each, readList, sorted } from "./sane-list.ts";
import { isFailure, isFailureOfMember, isMember, saneInstance, saneOfferings } from "./sane-market.ts";
import { saneTemplate } from "./sane-template.ts";
import { instant, isAmount, isInstant, MOST_NODES, share } from "./sane-value.ts";

type ValidPolicy = Extract<PolicyInput, { readonly kind: "valid" }>;

/** In the order of their names; what has no name is nobody's policy. */
export function sanePolicies(policies: unknown, at: EpochMs): readonly PolicyInput[] {
  const { items } = readList(policies, "policies", isPolicy);
  return sorted(items, ({ name }) => name).map((policy) => sanePolicy(policy, at));
}

function isPolicy(value: unknown): value is PolicyInput {
  return isRecord(value) && isText(value["name"]);
}

function sanePolicy(policy: PolicyInput, at: EpochMs): PolicyInput {
  if (policy.kind === "valid") {
    const parsed = parsedOnce(policy.spec);
    if (parsed.kind === "invalid") return invalid(policy, parsed.problems);
    const unread = unreadPart(policy, parsed.spec);
    return unread === null
      ? withSanePools({ ...policy, spec: parsed.spec }, at)
      : invalid(policy, [`${unread} cannot be read`]);
  }
  const { problems }: Unread<Extract<PolicyInput, { kind: "invalid" }>> = policy;
  return invalid(
    policy,
    isListOf(isText)(problems) ? (problems as readonly string[]) : ["it cannot be read"],
  );
}

function invalid({ name, pools }: PolicyInput, problems: readonly string[]): PolicyInput {
  const named = (isList(pools) ? (pools as readonly unknown[]) : []).map((pool) =>
    isRecord(pool) ? pool["name"] : pool,
  );
  return { kind: "invalid", name, problems, pools: named.filter(isText) };
}

/** Specs are never changed, and most of one decision are the very objects of the one before. */
const parsedSpecs = new WeakMap<object, ParsedPolicy>();

/** A spec of an older snapshot lacks what has come since: that gets its default. */
function parsedOnce(spec: unknown): ParsedPolicy {
  if (!isRecord(spec)) return { kind: "invalid", problems: ["it has no spec"] };
  const parsed = parsedSpecs.get(spec) ?? parsePolicy(spec);
  parsedSpecs.set(spec, parsed);
  return parsed;
}

/** Null: all that is known beside the spec can be read. */
function unreadPart({ pools, journal }: ValidPolicy, { nodePools }: PolicySpec): string | null {
  const names = isListOf(isPool)(pools) ? namesOf(pools) : null;
  if (names !== namesOf(nodePools)) return "what is known of its pools";
  const unread = unreadJournal(journal);
  return unread === null ? null : `its journal (${unread})`;
}

/** In whatever order they come. */
function namesOf(pools: readonly { readonly name: string }[]): string {
  return pools
    .map(({ name }) => name)
    .sort()
    .join();
}

function isPool(value: unknown): boolean {
  return isRecord(value) && isText(value["name"]);
}

function withSanePools({ forecast, ...policy }: ValidPolicy, at: EpochMs): PolicyInput {
  return {
    ...policy,
    ...(isForecast(forecast, policy.pools) ? { forecast } : {}),
    pools: policy.pools.map((pool) => sanePool(pool, at)),
    journal: saneJournal(policy.journal, at),
  };
}

/** One that cannot be read is none. */
function isForecast(
  forecast: ForecastInput | undefined,
  pools: readonly PoolInput[],
): forecast is ForecastInput {
  if (forecast === undefined || !isForecastPart(forecast)) return false;
  const names = new Set(pools.map(({ name }) => name));
  const { parts }: Unread<ForecastInput> = forecast;
  const isPart = (part: unknown): boolean =>
    isForecastPart(part as ForecastPart) &&
    isListOf((name) => isText(name) && names.has(name))((part as { readonly pools?: unknown }).pools);
  return parts === undefined || isListOf(isPart)(parts);
}

function isForecastPart(part: ForecastPart): boolean {
  if (!isRecord(part)) return false;
  const { gpus, at, confidence, earned, keepGpus } = part;
  return (
    isAmount(gpus) &&
    isInstant(at) &&
    share(confidence) !== null &&
    isFlag(earned) &&
    (keepGpus === undefined || isAmount(keepGpus))
  );
}

/** A member that cannot be read may be any: then nobody knows what the group has. */
function sanePool(
  { name, group, instances, template, mismatches, rivals }: PoolInput,
  at: EpochMs,
): PoolInput {
  const { items, hole } = readList(instances, "its members", isMember);
  const readable = saneTemplate(template);
  return {
    name,
    group: hole === null ? saneGroup(group) : unknown(`${hole} cannot be read`),
    ...(readable === undefined ? {} : { template: readable }),
    ...(isList(mismatches) ? { mismatches: mismatches.filter(isText) } : {}),
    ...(isList(rivals) ? { rivals: rivals.flatMap(saneRival) } : {}),
    instances: each(
      sorted(items, (instance) => instance.id),
      (instance) => saneInstance(instance, at),
    ),
  };
}

const isRivalKind = isOneOf(RIVAL_KINDS);

/** One of a kind that nobody here knows may be of a newer version, which says what it does. */
function saneRival(sight: RivalInput): readonly RivalInput[] {
  if (!isRecord(sight) || !isRivalKind(sight.rival)) return [];
  return [{ rival: sight.rival, detail: isText(sight.detail) ? sight.detail : "nobody said what was seen" }];
}

function saneGroup(group: GroupReading): GroupReading {
  if (!isRecord(group)) return unknown("it cannot be read");
  switch (group.kind) {
    case "none":
      return group;
    case "known":
      if (!isCount(group.size, 0, MOST_NODES))
        return unknown(`the group says its size is ${JSON.stringify(group.size) ?? "not known"}`);
      return saneKnown(group);
    case "missing":
    case "unknown":
      return isText(group.detail) ? group : { kind: group.kind, detail: "nobody said why" };
    default:
      return unknown("it cannot be read");
  }
}

/** What lies beyond a bound that cannot be read is left to its provider to refuse; what may grow by itself is not grown. */
function saneKnown(group: Extract<GroupReading, { readonly kind: "known" }>): GroupReading {
  const {
    chosenRemoval,
    min,
    max,
    growsItself,
    detaches,
    replacesLeaving,
    changeFailed,
    changeFailure,
    ...rest
  } = group;
  const isSane =
    isFlag(chosenRemoval) &&
    isBound(min) &&
    isBound(max) &&
    isAbsentOr(isFlag)(growsItself) &&
    isAbsentOr(isFlag)(detaches) &&
    isAbsentOr(isFlag)(replacesLeaving) &&
    isAbsentOr(isFlag)(changeFailed) &&
    isAbsentOr(isFailureOfMember)(changeFailure);
  if (isSane) return group;
  return {
    ...rest,
    chosenRemoval: chosenRemoval === true,
    ...(min !== undefined && isBound(min) ? { min } : {}),
    ...(max !== undefined && isBound(max) ? { max } : {}),
    ...(growsItself === undefined ? {} : { growsItself: growsItself !== false }),
    ...(detaches === true ? { detaches } : {}),
    ...(replacesLeaving === true ? { replacesLeaving } : {}),
    ...(changeFailed === true ? { changeFailed } : {}),
    ...(isFailureOfMember(changeFailure) ? { changeFailure } : {}),
  };
}

const isBound = isAbsentOr((value) => isCount(value, 0, Number.MAX_SAFE_INTEGER));

function unknown(detail: string): GroupReading {
  return { kind: "unknown", detail };
}

const isKind = isOneOf(["grow", "shrink", "replace", "release"]);
const isPhase = isOneOf(["intended", "draining", "applied", "failed"]);
const isTextIfAny = isAbsentOr(isText);

/** Null: all of it can be read. A move that cannot may have been made, so nothing is done beside it. */
function unreadJournal(journal: unknown): string | null {
  if (!isRecord(journal)) return "there is none";
  const { moves, lastUpAt, lastDownAt, additions, removals, offerings }: Unread<Journal> = journal;
  const lists: readonly (string | null)[] = [
    readList(moves, "moves", isMove).hole,
    readList(additions, "additions", isRecord).hole,
    removals === undefined ? null : readList(removals, "removals", isRecord).hole,
    offerings === undefined || isList(offerings) ? null : "offerings",
    isRecord(lastUpAt) ? null : "lastUpAt",
    isRecord(lastDownAt) ? null : "lastDownAt",
  ];
  return lists.find((hole) => hole !== null) ?? null;
}

function isMove(value: unknown): value is MoveState {
  if (!isRecord(value)) return false;
  const move: Unread<MoveState> = value;
  return (
    [move.key, move.pool, move.at].every(isText) &&
    [move.node, move.instance, move.detail, move.why].every(isTextIfAny) &&
    isAbsentOr(isFailure)(move.failure) &&
    isKind(move.kind) &&
    isPhase(move.phase)
  );
}

/** A number that cannot be read holds us back as if it had just happened. */
function saneJournal(journal: Journal, at: EpochMs): Journal {
  const instants = (times: Journal["lastUpAt"]) =>
    Object.fromEntries(Object.entries(times).map(([pool, time]) => [pool, instant(time, at)]));
  return {
    moves: journal.moves,
    lastUpAt: instants(journal.lastUpAt),
    lastDownAt: instants(journal.lastDownAt),
    additions: saneChanges(journal.additions, at),
    ...(journal.offerings === undefined ? {} : { offerings: saneOfferings(journal.offerings, at) }),
    ...(journal.removals === undefined ? {} : { removals: saneChanges(journal.removals, at) }),
  };
}

function saneChanges(changes: Journal["additions"], at: EpochMs): Journal["additions"] {
  return changes.map((change) => ({
    at: instant(change.at, at),
    nodes: isAmount(change.nodes) ? change.nodes : Number.MAX_SAFE_INTEGER,
  }));
}
