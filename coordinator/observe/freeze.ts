// Makes a value unchangeable to its depth. What is frozen already is taken to be frozen to its depth, so parts
// that are kept from cycle to cycle cost nothing.

export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
