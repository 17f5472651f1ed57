// Where in the kernel's log the agent has got to, in a form that outlives it: a place in a file, or a sequence number,
// each of one boot of the machine. After a reboot it says nothing.

export type Position =
  | {
      readonly kind: "file";
      readonly path: string;
      /** Device and inode of the file: another one under the same name is another log. */
      readonly file: string;
      /** Its first bytes. */
      readonly head: string;
      readonly offset: number;
    }
  | { readonly kind: "kmsg"; readonly seq: number };

export interface KeptPosition {
  readonly v: 1;
  readonly boot: string;
  readonly position: Position;
}

export function parsePosition(value: unknown): KeptPosition | null {
  if (!isObject(value) || value["v"] !== 1) return null;
  const { boot, position } = value;
  if (typeof boot !== "string" || !isObject(position)) return null;
  const { kind, path, file, head, offset, seq } = position;
  if (kind === "kmsg" && isPlace(seq)) return { v: 1, boot, position: { kind, seq } };
  if (
    kind === "file" &&
    typeof path === "string" &&
    typeof file === "string" &&
    typeof head === "string" &&
    isPlace(offset)
  )
    return { v: 1, boot, position: { kind, path, file, head, offset } };
  return null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPlace(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
