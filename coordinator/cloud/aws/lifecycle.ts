// What each state of an instance in an Auto Scaling group means to us: whether it fills a place of the group's size.
// One table of all states that AWS's model lists. Pure.

/**
 * `counted`: fills a place of the desired capacity. `leaving`: on its way out, its place is open or gone already.
 * `aside`: in the group and not in its size. `warm`: of the warm pool. `gone`: no machine any more.
 */
export type Standing = "counted" | "leaving" | "aside" | "warm" | "gone";

export const LIFECYCLE = {
  Pending: "counted",
  "Pending:Wait": "counted",
  "Pending:Proceed": "counted",
  InService: "counted",
  // Its disk is exchanged under it: the machine and its place stay.
  ReplacingRootVolume: "counted",
  "ReplacingRootVolume:Wait": "counted",
  "ReplacingRootVolume:Proceed": "counted",
  RootVolumeReplaced: "counted",
  // Not in use at AWS. A machine that is there is a machine until it is known to be none.
  Quarantined: "counted",
  // Somebody has set it aside by hand: whoever does lets the size fall by it, or has another one started for it.
  EnteringStandby: "aside",
  Standby: "aside",
  Terminating: "leaving",
  "Terminating:Wait": "leaving",
  "Terminating:Proceed": "leaving",
  // Kept for a look by whoever set the group up; its place is filled anew.
  "Terminating:Retained": "leaving",
  Detaching: "leaving",
  Detached: "gone",
  Terminated: "gone",
  "Warmed:Pending": "warm",
  "Warmed:Pending:Wait": "warm",
  "Warmed:Pending:Proceed": "warm",
  "Warmed:Pending:Retained": "warm",
  "Warmed:Running": "warm",
  "Warmed:Stopped": "warm",
  "Warmed:Hibernated": "warm",
  "Warmed:Terminating": "warm",
  "Warmed:Terminating:Wait": "warm",
  "Warmed:Terminating:Proceed": "warm",
  "Warmed:Terminating:Retained": "warm",
  "Warmed:Terminated": "warm",
} as const satisfies Readonly<Record<string, Standing>>;

const STANDINGS: Readonly<Record<string, Standing>> = LIFECYCLE;

/** A state that AWS has invented since counts: taking a machine for an open place would end it. */
export function standingOf(state: string): Standing {
  return (Object.hasOwn(STANDINGS, state) ? STANDINGS[state] : undefined) ?? "counted";
}

export function isKnownState(state: string): boolean {
  return Object.hasOwn(STANDINGS, state);
}
