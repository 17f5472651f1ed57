// What has changed from one JSON value to the next, as JSON: the snapshots of two cycles are nearly the same. A part that
// is the same object costs nothing, so it has to be one that nobody changes. The order of keys and items is kept, since
// what is decided from a copy has to be what was decided from the original.

/** Fields that are new or changed, those that are gone, and the order of all where it is not that of before. */
interface FieldsPatch {
  readonly o: Readonly<Record<string, Patch>>;
  readonly d?: readonly string[];
  readonly k?: readonly string[];
}

/** Numbers keep (above 0) or leave out (below 0) so many items of the list before; `w`: an item that is new, `o`: the next one, changed. */
type Step = number | { readonly w: unknown } | FieldsPatch;

type Scalar = string | number | boolean | null;

export type Patch =
  /** The whole value, as any other has it in `w`. */
  | string
  | number
  | boolean
  | { readonly w: unknown }
  | FieldsPatch
  | { readonly l: readonly Step[] }
  /** A whole list of items with the same scalar fields: these, and then a row for each item. */
  | { readonly t: readonly [readonly string[], ...(readonly Scalar[])[]] }
  /** All items have these fields changed, by item; else they are as they were. */
  | { readonly c: Readonly<Record<string, readonly Scalar[]>> };

export type Fields = Readonly<Record<string, unknown>>;

/** Null: nothing has changed. */
export function patchOf(before: unknown, after: unknown): Patch | null {
  if (Object.is(before, after)) return null;
  if (Array.isArray(before) && Array.isArray(after)) return listPatch(before, after);
  if (isFields(before) && isFields(after)) return fieldsPatch(before, after);
  return wholePatch(after);
}

/** Of a value that was not there, or was of another kind. */
export function wholePatch(value: unknown): Patch {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return (Array.isArray(value) ? tableOf(value) : null) ?? { w: value };
}

function listPatch(before: readonly unknown[], after: readonly unknown[]): Patch | null {
  const columns = columnsOf(before, after);
  if (columns !== null) return columns;
  if (!haveNames(before) || !haveNames(after)) return isEqual(before, after) ? null : wholePatch(after);
  const steps = [...stepsOf(before, after)];
  return isSame(steps, before.length) ? null : { l: steps };
}

/** Null: the items are not all alike. What agents report is, and its keys would be most of a recording. */
function tableOf(items: readonly unknown[]): Patch | null {
  const [first] = items;
  if (items.length < 2 || !isFields(first)) return null;
  const keys = Object.keys(first);
  const rows: Scalar[][] = [];
  for (const item of items) {
    if (!isFields(item) || !hasKeys(item, keys)) return null;
    const row: Scalar[] = [];
    for (const key of keys) {
      const value = item[key];
      if (!isScalar(value)) return null;
      row.push(value);
    }
    rows.push(row);
  }
  return { t: [keys, ...rows] };
}

/** Null: they are not the same items with other scalars in most of a few fields. */
function columnsOf(before: readonly unknown[], after: readonly unknown[]): Patch | null {
  const [first] = after;
  if (after.length < 2 || before.length !== after.length || !isFields(first)) return null;
  let same = 0;
  for (let index = 0; index < after.length; index++) if (before[index] === after[index]) same++;
  if (same * 2 > after.length) return null;
  const keys = Object.keys(first);
  if (!haveKeys(after, keys) || !haveKeys(before, keys)) return null;
  const columns: [string, readonly Scalar[]][] = [];
  for (const key of keys) {
    let changed = 0;
    for (let index = 0; index < after.length; index++)
      if (before[index]?.[key] !== after[index]?.[key]) changed++;
    if (changed === 0) continue;
    if (changed * 2 < after.length) return null;
    const column = after.map((item) => item[key]);
    if (!column.every(isScalar)) return null;
    columns.push([key, column]);
  }
  return columns.length === 0 ? null : { c: Object.fromEntries(columns) };
}

function haveKeys(items: readonly unknown[], keys: readonly string[]): items is readonly Fields[] {
  for (const item of items) if (!isFields(item) || !hasKeys(item, keys)) return false;
  return true;
}

function isScalar(value: unknown): value is Scalar {
  return (
    typeof value === "number" || typeof value === "string" || typeof value === "boolean" || value === null
  );
}

/** These keys in this order; written so that nothing is made for it. */
function hasKeys(value: Fields, keys: readonly string[]): boolean {
  let at = 0;
  for (const key in value) if (key !== keys[at++]) return false;
  return at === keys.length;
}

/** Written for thousands of nodes in each cycle: most objects have the same keys as before, and then nothing is made of them. */
function fieldsPatch(before: Fields, after: Fields): FieldsPatch | null {
  const keys = Object.keys(after);
  let isAlike = hasKeys(before, keys);
  let changed: Record<string, Patch> | null = null;
  for (const key of keys) {
    const value = after[key];
    const old = isAlike ? before[key] : own(before, key);
    if (value === undefined || old === undefined) isAlike = false;
    if (value === undefined || old === value) continue;
    const patch = old === undefined ? wholePatch(value) : patchOf(old, value);
    if (patch === null) continue;
    changed ??= {};
    if (key === "__proto__") Object.defineProperty(changed, key, { value: patch, enumerable: true });
    else changed[key] = patch;
  }
  const rest = isAlike ? {} : restOf(before, after);
  if (changed === null && rest.d === undefined && rest.k === undefined) return null;
  return { o: changed ?? {}, ...rest };
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
    const patch = isHere ? itemPatch(before[found], item) : null;
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
    else yield patch;
  }
  if (kept > 0) yield kept;
}

/** Items that are known by a name are fields. */
function itemPatch(before: unknown, item: unknown): FieldsPatch | null {
  if (before === item) return null;
  return isFields(before) && isFields(item) ? fieldsPatch(before, item) : null;
}

/** @throws RangeError when the patch does not belong to this value. */
export function patched(before: unknown, patch: Patch): unknown {
  if (typeof patch !== "object" || patch === null) return patch;
  if ("w" in patch) return patch.w;
  if ("l" in patch) return patchedList(Array.isArray(before) ? before : [], patch.l);
  if ("t" in patch) return patchedTable(patch.t);
  if ("c" in patch) return patchedColumns(Array.isArray(before) ? before : [], patch.c);
  const old = isFields(before) ? before : {};
  const { o: changed, d: gone = [], k: order } = patch;
  const now = new Map(Object.entries(old));
  for (const key of gone) now.delete(key);
  for (const [key, inner] of Object.entries(changed)) now.set(key, patched(now.get(key), inner));
  return Object.fromEntries(order === undefined ? now : order.map((key) => [key, now.get(key)]));
}

function patchedTable([keys, ...rows]: readonly [
  readonly string[],
  ...(readonly Scalar[])[],
]): readonly unknown[] {
  return rows.map((row) => Object.fromEntries(keys.map((key, index) => [key, row[index]])));
}

function patchedColumns(
  before: readonly unknown[],
  columns: Readonly<Record<string, readonly Scalar[]>>,
): readonly unknown[] {
  const changed = Object.entries(columns);
  if (changed.some(([, column]) => column.length !== before.length))
    throw new RangeError("the list before has not as many items as what is said of it");
  return before.map((item, index) => {
    const now = new Map(Object.entries(isFields(item) ? item : {}));
    for (const [key, column] of changed) now.set(key, column[index]);
    return Object.fromEntries(now);
  });
}

function patchedList(before: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  const now: unknown[] = [];
  let at = 0;
  for (const step of steps) {
    const over = typeof step === "number" ? Math.abs(step) : "o" in step ? 1 : 0;
    if (at + over > before.length)
      throw new RangeError("the list before is too short for what is said of it");
    if (typeof step !== "number") now.push("o" in step ? patched(before[at], step) : step.w);
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
