// The table of rules: every verdict that the agent states of a GPU or of its node, with its level, how sure it has to
// be, what usually helps and what ends it. Data and the looks that belong to it; the keeping of cases is health.ts.

import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import {
  APPLICATION_XIDS,
  GSP_XIDS,
  MACHINE_XIDS,
  NVLINK_XIDS,
  RECOVERY_ACTIONS,
  RECOVERY_ACTION_XID,
  RESET_XIDS,
  recoveryActionIn,
  xidEntry,
} from "./catalogue.ts";
import type { Rule } from "./rule.ts";
import { heard, ofKinds, ofSxid, ofXids, saysFatal, tellerWords } from "./rules-events.ts";
import { driverUnavailable, hung, HUNG_HOLD_MS, tooFewGpus } from "./rules-node.ts";
import {
  atLeastOne,
  fabricIs,
  hotMemory,
  linksDown,
  lostGpu,
  narrowLink,
  noMargin,
  recoveryAction,
  replaysAboveLimit,
  resetRequired,
  silentGpu,
  slowedShare,
  slowerThanPeers,
  switched,
} from "./rules-readings.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const WEEK = 7 * DAY;

const BY_RESET = "a reset of the GPU, a reload of the driver or a reboot";

type Kind = Pick<Rule, "confirm" | "holdMs" | "clearMs" | "forgetMs" | "resettable" | "clears" | "group">;

/** Heard of, and over by a reset. */
const HEARD = {
  confirm: "second",
  holdMs: 0,
  clearMs: 0,
  forgetMs: null,
  resettable: true,
  clears: BY_RESET,
  group: "fast",
} as const satisfies Kind;

/** Heard of, and forgotten after a day without another one. */
const PASSING = {
  ...HEARD,
  confirm: "none",
  forgetMs: DAY,
  resettable: false,
  clears: "24 h without another one",
} as const satisfies Kind;

/** Read each 10 s, and over when it reads well for a minute. */
const READ = {
  confirm: "second",
  holdMs: 0,
  clearMs: MINUTE,
  forgetMs: null,
  resettable: false,
  clears: "a minute of readings without it, as after a reset",
  group: "slow",
} as const satisfies Kind;

export const RULES: readonly Rule[] = [
  // What the driver itself asks for, told by a reading, by an event with no number, and by the text of an XID 154.
  ...RECOVERY_ACTIONS.map(({ action, name, words, remedy }): Rule => ({
    ...HEARD,
    name: `recovery-${name}`,
    level: "fatal",
    remedy,
    clearMs: 10_000,
    clears: "the driver asks for it no more",
    events: ({ what, text, teller }) => {
      if (what.kind !== "xid" || what.xid !== RECOVERY_ACTION_XID) return undefined;
      const to = recoveryActionIn(text);
      if (to === null) return undefined;
      return to === action
        ? { bad: `Xid 154 (${tellerWords(teller)}): the driver asks to ${words}` }
        : "good";
    },
    gpu: recoveryAction(
      action,
      words,
      RECOVERY_ACTIONS.map((row) => row.action),
    ),
  })),

  // The card is gone, or refuses work.
  {
    ...HEARD,
    name: "fell-off-bus",
    level: "fatal",
    remedy: "reboot-node",
    confirm: "none",
    events: ofXids([79]),
    again: { times: 2, withinMs: DAY, remedy: "replace-node" },
  },
  {
    ...HEARD,
    name: "gpu-lost",
    level: "fatal",
    remedy: "reboot-node",
    clearMs: MINUTE,
    clears: "a minute in which the GPU answers again",
    events: ofKinds({ lost: "the GPU is lost", unavailable: "the GPU is unavailable" }),
    gpu: lostGpu,
  },
  {
    ...READ,
    name: "gpu-silent",
    level: "degraded",
    remedy: "check-driver",
    confirm: "none",
    group: "fast",
    holdMs: 5 * MINUTE,
    clears: "a minute in which it answers",
    gpu: silentGpu,
  },
  {
    ...READ,
    name: "reset-required",
    level: "fatal",
    remedy: "reset-gpu",
    clears: "a reset of the GPU",
    // Some of the codes are of the slow group: seen again each second, they are one reading still.
    gpu: resetRequired,
  },
  {
    ...HEARD,
    name: "xid-reset",
    level: "fatal",
    remedy: "reset-gpu",
    events: ofXids(RESET_XIDS),
    again: { times: 2, withinMs: WEEK, remedy: "replace-node" },
  },
  {
    ...HEARD,
    name: "xid-restart",
    level: "fatal",
    remedy: "reboot-node",
    clears: "a reboot or a reload of the driver",
    events: ofXids([151]),
  },
  { ...HEARD, name: "gsp-timeout", level: "fatal", remedy: "reboot-node", events: ofXids(GSP_XIDS) },

  // Memory.
  {
    ...HEARD,
    name: "memory-uncontained",
    level: "fatal",
    remedy: "reset-gpu",
    confirm: "none",
    events: ofXids([48, 95]),
    again: { times: 2, withinMs: WEEK, remedy: "replace-node" },
  },
  {
    ...READ,
    name: "memory-uncorrected",
    level: "fatal",
    remedy: "reset-gpu",
    gpu: atLeastOne("eccVolatileUncorrected", "uncorrected memory errors since the driver was loaded"),
  },
  ...replace("remap-failed", "rowRemapFailed", "a row of memory could not be remapped"),
  ...replace("sram-threshold", "sramThresholdExceeded", "the on-chip memory is past its threshold of errors"),
  ...replace("no-spare-rows", "rowRemapBanksNone", "memory banks without a spare row"),
  {
    ...READ,
    name: "remap-pending",
    level: "degraded",
    remedy: "reset-gpu",
    gpu: atLeastOne("rowRemapPending", "a row of memory waits for a reset to be remapped"),
  },
  {
    ...READ,
    name: "retirement-pending",
    level: "degraded",
    remedy: "reset-gpu",
    gpu: atLeastOne("retiredPagesPending", "a page of memory waits for a reset to be retired"),
  },
  {
    ...HEARD,
    name: "row-remapped",
    level: "degraded",
    remedy: "reset-gpu",
    confirm: "none",
    events: ofXids([63]),
  },
  {
    ...PASSING,
    name: "memory-contained",
    level: "degraded",
    remedy: "restart-application",
    events: ofXids([94]),
  },

  // The driver and the node.
  {
    ...READ,
    name: "driver-hung",
    level: "fatal",
    remedy: "reboot-node",
    confirm: "none",
    holdMs: HUNG_HOLD_MS,
    clears: "a minute in which the driver answers",
    node: hung(30_000),
  },
  {
    ...READ,
    name: "gpus-missing",
    level: "fatal",
    remedy: "reboot-node",
    confirm: "none",
    holdMs: 2 * MINUTE,
    clearMs: 10_000,
    clears: "as many GPUs as are expected",
    node: tooFewGpus,
  },
  {
    ...READ,
    name: "driver-unavailable",
    level: "degraded",
    remedy: "check-driver",
    confirm: "none",
    holdMs: 5 * MINUTE,
    clearMs: 10_000,
    clears: "a driver that answers",
    node: driverUnavailable,
  },

  // Heat and power.
  ...slowed("thermal-slowdown", "throttledHwThermal", "slowed by hardware because of temperature"),
  ...slowed("power-brake", "throttledHwPowerBrake", "slowed by the power brake"),
  {
    ...READ,
    name: "no-thermal-margin",
    level: "degraded",
    remedy: "check-machine",
    confirm: "none",
    holdMs: 5 * MINUTE,
    clears: "a minute with a margin to the temperature at which clocks are lowered",
    gpu: noMargin,
  },
  {
    ...READ,
    name: "memory-too-hot",
    level: "degraded",
    remedy: "check-machine",
    group: "fast",
    holdMs: MINUTE,
    clears: "a minute below the memory's limit",
    gpu: hotMemory,
  },

  // Links.
  {
    ...READ,
    name: "pcie-narrow",
    level: "degraded",
    remedy: "check-machine",
    clears: "a minute at the full width",
    gpu: narrowLink,
  },
  {
    ...READ,
    name: "pcie-fatal",
    level: "degraded",
    remedy: "check-machine",
    gpu: atLeastOne("pcieFatalErrors", "fatal PCIe errors"),
  },
  {
    ...READ,
    name: "pcie-replays",
    level: "degraded",
    remedy: "check-machine",
    // One burst, as when a link changes its speed, is in the window for a minute.
    holdMs: 2 * MINUTE,
    clears: "a minute below the limit",
    gpu: replaysAboveLimit,
  },
  ...([true, false] as const).flatMap((onSwitch): readonly Rule[] => {
    const level = onSwitch ? "fatal" : "degraded";
    const ending = onSwitch ? "-switched" : "";
    // Links that are trained anew, as after the reset of another GPU, are down for some seconds.
    const row = {
      ...READ,
      level,
      remedy: "check-machine",
      holdMs: MINUTE,
      clears: "a minute with every link up",
    } as const;
    return [
      { ...row, name: `nvlink-down${ending}`, gpu: switched(onSwitch, linksDown(onSwitch)) },
      { ...row, name: `fabric-unhealthy${ending}`, gpu: switched(onSwitch, fabricIs(2, "unhealthy")) },
    ];
  }),
  {
    ...READ,
    name: "fabric-limited",
    level: "degraded",
    remedy: "check-machine",
    gpu: fabricIs(3, "limited"),
  },
  {
    ...HEARD,
    name: "nvlink-error",
    level: "degraded",
    remedy: "check-machine",
    confirm: "none",
    events: (event) => (saysFatal(event) ? undefined : ofXids(NVLINK_XIDS)(event)),
  },
  {
    ...HEARD,
    name: "nvlink-fatal",
    level: "fatal",
    remedy: "reset-gpu",
    events: (event) => (saysFatal(event) ? ofXids(NVLINK_XIDS)(event) : undefined),
  },
  { ...HEARD, name: "nvswitch-fatal", level: "fatal", remedy: "reboot-node", events: ofSxid(true) },
  { ...PASSING, name: "nvswitch-error", level: "suspicion", remedy: "check-machine", events: ofSxid(false) },
  {
    ...HEARD,
    name: "machine-fault",
    level: "degraded",
    remedy: "check-machine",
    confirm: "none",
    events: ofXids(MACHINE_XIDS),
  },

  // Programs, and what is only odd.
  {
    ...PASSING,
    name: "application-fault",
    level: "application",
    remedy: "restart-application",
    events: ofXids(APPLICATION_XIDS),
    again: { times: 2, withinMs: DAY, level: "suspicion" },
  },
  {
    ...PASSING,
    name: "odd-xid",
    level: "suspicion",
    remedy: "none",
    // 154 is told apart by what it asks for; the rest of this class is what no other row takes.
    events: (event) => {
      const { what } = event;
      return what.kind === "xid" && xidEntry(what.xid).class === "suspicion" ? heard(event) : undefined;
    },
  },
  {
    ...READ,
    name: "slower-than-peers",
    level: "suspicion",
    remedy: "none",
    confirm: "none",
    group: "fast",
    holdMs: 5 * MINUTE,
    clears: "a minute beside its peers",
    gpu: slowerThanPeers,
  },
];

/** The card is worn out: no reset brings it back. */
function replace(name: string, reading: GpuReadingName, words: string): readonly Rule[] {
  const clears = "another GPU in its place";
  return [{ ...READ, name, level: "fatal", remedy: "replace-node", clears, gpu: atLeastOne(reading, words) }];
}

function slowed(
  name: string,
  counter: "throttledHwThermal" | "throttledHwPowerBrake",
  words: string,
): readonly Rule[] {
  const clears = "less than 1 % of the last 10 minutes";
  const gpu = slowedShare(counter, words);
  return [{ ...READ, name, level: "degraded", remedy: "check-machine", confirm: "none", clears, gpu }];
}
