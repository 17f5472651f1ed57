// Names that are each there once: a pod that is made anew may have the name of the one before.

/** `taken` is kept by whoever asks, for one list of names. */
export function numbered(name: string, taken: Map<string, number>): string {
  const times = (taken.get(name) ?? 0) + 1;
  taken.set(name, times);
  return times === 1 ? name : `${name}#${times}`;
}
