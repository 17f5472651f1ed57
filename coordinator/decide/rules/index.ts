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
import { idleWindow } from "./idle-window.ts";
import { inFlight } from "./in-flight.ts";
import { job } from "./job.ts";
import { minimum } from "./minimum.ts";
import { neededForPending } from "./needed-for-pending.ts";
import { neededForUtilization } from "./needed-for-utilization.ts";
import { pinned } from "./pinned.ts";
import { refusing } from "./refusing.ts";
import { removable } from "./removable.ts";
import { synced } from "./synced.ts";
import { telemetry } from "./telemetry.ts";
import { underNotice } from "./under-notice.ts";
import { unmanaged } from "./unmanaged.ts";

/** Asked of every node: about the node itself and what is on it. */
export const NODE_RULES: readonly Rule[] = [
  synced,
  underNotice,
  draining,
  booting,
  pinned,
  removable,
  emptyWindow,
  telemetry,
  idleWindow,
  allocated,
  refusing,
  unmanaged,
  job,
  budget,
  neededForPending,
];

/** Asked of those that could go, best first, until one does: about its pool and the rest of the fleet. */
export const LAST_RULES: readonly Rule[] = [
  minimum,
  inFlight,
  cooldown,
  afterAdd,
  neededForUtilization,
  elsewhere,
];
