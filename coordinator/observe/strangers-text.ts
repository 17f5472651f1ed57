// What others wrote and people will read, on one line and in a bounded length: it ends in terminals, events and statuses,
// where a control character could hide what stands beside it. Agents clean what pods say; their messages and marks may be
// anybody's all the same.

/** Control characters, marks that turn the direction of writing, halves of characters, line ends of any script. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/** The text itself where nothing is wrong with it. `most`: characters. */
export function printable(text: string, most: number): string {
  const line = text.slice(0, 4 * most).replaceAll(UNPRINTABLE, " ");
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
