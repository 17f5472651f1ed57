// What has changed from one JSON value to the next, as JSON: the snapshots of two cycles are nearly the same. A part that
// is the same object costs nothing, so it has to be one that nobody changes. The order of keys and items is kept, since
// what is decided from a copy has to be what was decided from the original.

/** Numbers keep (above 0) or leave out (below 0) so many items of the list before; `w`: an item that is new, `p`: the next one, changed. */
type Step = number | { readonly w: unknown } | { readonly p: Patch };

export type Patch =
  /** The whole value. */
  | { readonly w: unknown }
  /** Fields that are new or changed, those that are gone, and the order of all where it is not that of before. */
  | {
      readonly o: Readonly<Record<string, Patch>>;
      readonly d?: readonly string[];
      readonly k?: readonly string[];
    }
  | { readonly l: readonly Step[] };

export type Fields = Readonly<Record<string, unknown>>;

/** Null: nothing has changed. */
export function patchOf(before: unknown, after: unknown): Patch | null {
  if (Object.is(before, after)) return null;
  if (Array.isArray(before) && Array.isArray(after)) {
    if (!haveNames(before) || !haveNames(after)) return isEqual(before, after) ? null : { w: after };
    const steps = [...stepsOf(before, after)];
    return isSame(steps, before.length) ? null : { l: steps };
  }
  if (isFields(before) && isFields(after)) return fieldsPatch(before, after);
  return { w: after };
}

/** Written for thousands of nodes in each cycle: most objects have the same keys as before, and then nothing is made of them. */
function fieldsPatch(before: Fields, after: Fields): Patch | null {
  let changed: Record<string, Patch> | null = null;
  for (const key of Object.keys(after)) {
    const value = after[key];
    if (value === undefined) continue;
    const old = own(before, key);
    const patch = old === value ? null : old === undefined ? { w: value } : patchOf(old, value);
    if (patch === null) continue;
    changed ??= {};
    if (key === "__proto__") Object.defineProperty(changed, key, { value: patch, enumerable: true });
    else changed[key] = patch;
  }
  const rest = haveSameKeys(before, after) ? {} : restOf(before, after);
  if (changed === null && rest.d === undefined && rest.k === undefined) return null;
  return { o: changed ?? {}, ...rest };
}

function haveSameKeys(before: Fields, after: Fields): boolean {
  const old = Object.keys(before);
  const now = Object.keys(after);
  if (old.length !== now.length) return false;
  for (let index = 0; index < now.length; index++) {
    const key = now[index] ?? "";
    if (key !== old[index] || after[key] === undefined || before[key] === undefined) return false;
  }
  return true;
}

/** What a patch of an object says beside its fields. */
export function restOf(
  before: Fields,
  after: Fields,
): { readonly d?: readonly string[]; readonly k?: readonly string[] } {
  const old = keysOf(before);
  const now = keysOf(after);
  const gone = old.filter((key) => own(after, key) === undefined);
  const kept = gone.length === 0 ? old : old.filter((key) => own(after, key) !== undefined);
  let at = 0;
  // Kept ones first and in their order, then new ones: that is what putting them together gives by itself.
  const inOrder =
    now.length >= kept.length &&
    now.every((key) => (at < kept.length ? key === kept[at++] : own(before, key) === undefined));
  return { ...(gone.length === 0 ? {} : { d: gone }), ...(inOrder ? {} : { k: now }) };
}

/** One after the other, so that whoever writes a long list may pause. */
export function* stepsOf(before: readonly unknown[], after: readonly unknown[]): Generator<Step> {
  let places: Map<string, number> | null = null;
  let at = 0;
  let kept = 0;
  for (const item of after) {
    let found = at;
    if (!(at < before.length && (before[at] === item || nameOf(before[at]) === nameOf(item)))) {
      places ??= new Map(before.map((each, index) => [nameOf(each) ?? "", index]));
      found = places.get(nameOf(item) ?? "") ?? -1;
    }
    const isHere = found >= at;
    const patch = isHere ? patchOf(before[found], item) : null;
    if (kept > 0 && (!isHere || found > at || patch !== null)) {
      yield kept;
      kept = 0;
    }
    if (!isHere) {
      yield { w: item };
      continue;
    }
    if (found > at) yield at - found;
    at = found + 1;
    if (patch === null) kept++;
    else yield { p: patch };
  }
  if (kept > 0) yield kept;
}

/** @throws RangeError when the patch does not belong to this value. */
export function patched(before: unknown, patch: Patch): unknown {
  if ("w" in patch) return patch.w;
  if ("l" in patch) return patchedList(Array.isArray(before) ? before : [], patch.l);
  const old = isFields(before) ? before : {};
  const { o: changed, d: gone = [], k: order } = patch;
  const now = new Map(Object.entries(old));
  for (const key of gone) now.delete(key);
  for (const [key, inner] of Object.entries(changed)) now.set(key, patched(now.get(key), inner));
  return Object.fromEntries(order === undefined ? now : order.map((key) => [key, now.get(key)]));
}

function patchedList(before: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  const now: unknown[] = [];
  let at = 0;
  for (const step of steps) {
    const over = typeof step === "number" ? Math.abs(step) : "p" in step ? 1 : 0;
    if (at + over > before.length)
      throw new RangeError("the list before is too short for what is said of it");
    if (typeof step !== "number") now.push("p" in step ? patched(before[at], step.p) : step.w);
    else if (step > 0) now.push(...before.slice(at, at + step));
    at += over;
  }
  return now;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A label may be called "constructor". */
export function own(value: Fields, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function keysOf(value: Fields): readonly string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}

/** By what an item is known from one list to the next: what our snapshots and plans name things by. */
function nameOf(item: unknown): string | null {
  if (!isFields(item)) return null;
  for (const field of NAMED_BY) {
    const name = item[field];
    if (typeof name === "string") return name;
  }
  return null;
}

const NAMED_BY = ["key", "name", "id", "uuid", "pod", "policy"];

function haveNames(items: readonly unknown[]): boolean {
  return items.every((item) => nameOf(item) !== null);
}

function isSame(steps: readonly Step[], length: number): boolean {
  return length === 0 ? steps.length === 0 : steps.length === 1 && steps[0] === length;
}

/** Whether they are written alike. */
function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isEqual(item, other[index]));
  if (!isFields(one) || !isFields(other)) return false;
  const keys = Object.keys(one);
  const others = Object.keys(other);
  return (
    keys.length === others.length &&
    keys.every((key, index) => key === others[index] && isEqual(one[key], other[key]))
  );
}
