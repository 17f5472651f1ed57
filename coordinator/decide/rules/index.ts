// Why a node stays, in the order in which the questions are asked: the first answer is the reason that is shown.
// The list is the documentation. One veto more is one file more and one line here.

import type { Rule } from "../rule.ts";
import { afterAdd } from "./after-add.ts";
import { allocated } from "./allocated.ts";
import { booting } from "./booting.ts";
import { budget } from "./budget.ts";
import { cooldown } from "./cooldown.ts";
import { draining } from "./draining.ts";
import { elsewhere } from "./elsewhere.ts";
import { emptyWindow } from "./empty-window.ts";
import { gangMember } from "./gang-member.ts";
import { idleWindow } from "./idle-window.ts";
import { inFlight } from "./in-flight.ts";
import { job } from "./job.ts";
import { lastTry } from "./last-try.ts";
import { limits } from "./limits.ts";
import { localStorage } from "./local-storage.ts";
import { memoryLost } from "./memory-lost.ts";
import { minimum } from "./minimum.ts";
import { movableWindow } from "./movable-window.ts";
import { neededForFloor } from "./needed-for-floor.ts";
import { neededForHeadroom } from "./needed-for-headroom.ts";
import { neededForPending } from "./needed-for-pending.ts";
import { neededForUtilization } from "./needed-for-utilization.ts";
import { pinned } from "./pinned.ts";
import { refusing } from "./refusing.ts";
import { removable } from "./removable.ts";
import { reservedPaid } from "./reserved-paid.ts";
import { rival } from "./rival.ts";
import { synced } from "./synced.ts";
import { systemPod } from "./system-pod.ts";
import { telemetry } from "./telemetry.ts";
import { tierFloor } from "./tier-floor.ts";
import { underNotice } from "./under-notice.ts";
import { unmanaged } from "./unmanaged.ts";

/** Asked of every node: about the node itself and what is on it. */
export const NODE_RULES: readonly Rule[] = [
  synced,
  memoryLost,
  underNotice,
  draining,
  booting,
  pinned,
  removable,
  rival,
  lastTry,
  emptyWindow,
  telemetry,
  idleWindow,
  allocated,
  refusing,
  unmanaged,
  job,
  gangMember,
  localStorage,
  systemPod,
  movableWindow,
];

/** Asked again of a node that was asked to go, as long as nobody has begun: about what is on it and where that fits. */
export const RECALL_RULES: readonly Rule[] = [
  rival,
  pinned,
  allocated,
  refusing,
  unmanaged,
  job,
  gangMember,
  localStorage,
  systemPod,
  elsewhere,
];

/** Asked before a spot node is bought for the pods of one that goes back: what would keep it once that is there. */
export const EXCHANGE_RULES: readonly Rule[] = [neededForPending, budget, tierFloor, inFlight];

/** Asked once it is chosen: what is bought counts, so that a policy at its minimum can go back as well. */
export const EXCHANGED_RULES: readonly Rule[] = [minimum, neededForFloor];

/** Asked of those that could go, best first, each after those before it: about its pool and the rest of the fleet. */
export const LAST_RULES: readonly Rule[] = [
  neededForPending,
  budget,
  minimum,
  neededForFloor,
  tierFloor,
  reservedPaid,
  inFlight,
  cooldown,
  afterAdd,
  neededForUtilization,
  neededForHeadroom,
  elsewhere,
  limits,
];
