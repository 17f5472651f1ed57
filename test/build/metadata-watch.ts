// The agent's watch over a machine's metadata, on a clock that a test steps, against a fake endpoint. A round moves time
// on and waits until what was asked in it is answered, so that no test guesses how long a socket takes.

import type { MetadataSettings } from "../../agent/sample/metadata/cloud.ts";
import { watchMetadata } from "../../agent/sample/metadata/watch.ts";
import type { RunningMetadata } from "../../agent/sample/metadata/watch.ts";
import type { Node } from "../../shared/model/kube.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock, settle } from "./clock.ts";
import type { FakeClock } from "./clock.ts";
import { eventually } from "./eventually.ts";

export const METADATA_SETTINGS: MetadataSettings = {
  cloud: "auto",
  metadataUrl: null,
  awsMetadataV1: false,
  awsNotice: millis(120_000),
  gcpNotice: null,
  azureNotice: millis(10_000),
  azureAcknowledge: false,
  noticeFile: null,
  noticeUrl: null,
  genericNotice: millis(30_000),
};

export interface MetadataScene {
  readonly clock: FakeClock;
  readonly watch: RunningMetadata;
  /** "aws ok", "azure timeout", in order. */
  readonly answers: readonly string[];
  /** "warn the message", in order. */
  readonly lines: () => readonly string[];
  readonly changes: () => number;
  /** Moves time on and waits until nothing is being asked but long polls. */
  round(ms?: number): Promise<void>;
  /** The same without moving time. */
  rest(): Promise<void>;
  setNode(node: Node | undefined): void;
  stop(): Promise<void>;
}

export interface SceneOptions {
  readonly clock?: FakeClock;
  readonly node?: Node;
  readonly dmiDir?: string;
  readonly bootId?: string | null;
}

/** Shorter than every time limit, so that none is over before a socket has had its turn. */
const STEP_MS = 500;
/** Time limits of questions that are answered at once; nothing else sleeps for exactly so long. */
const LIMITS_MS = [1_000, 1_500, 2_000, 120_000];
export const SCENE_NODE = "spot-1";

export function watchScene(settings: Partial<MetadataSettings>, options: SceneOptions = {}): MetadataScene {
  const { clock = createFakeClock(), dmiDir = "/nowhere", bootId = "boot-1" } = options;
  const { log, lines } = createLogSink("info");
  const stop = new AbortController();
  const answers: string[] = [];
  let node = options.node;
  let changes = 0;
  const watch = watchMetadata({
    settings: { ...METADATA_SETTINGS, ...settings },
    nodeName: SCENE_NODE,
    ownNode: () => node,
    clock,
    random: seededRandom(1),
    log,
    signal: stop.signal,
    onChange: () => {
      changes++;
    },
    onAnswer: (source, outcome) => {
      answers.push(`${source} ${outcome}`);
    },
    dmiDir,
    bootId: () => Promise.resolve(bootId),
  });

  const rest = async (): Promise<void> => {
    await settle();
    await eventually(() => LIMITS_MS.every((ms) => clock.sleeping(ms) === 0), {
      describe: () => `answers: ${answers.slice(-10).join(", ")}`,
    });
    await settle();
  };
  return {
    clock,
    watch,
    answers,
    lines: () => lines.map(({ level, message }) => `${level} ${message}`),
    changes: () => changes,
    round: async (ms = 950) => {
      for (let left = ms; left > 0; left -= STEP_MS) {
        await clock.advance(Math.min(left, STEP_MS));
        await rest();
      }
    },
    rest,
    setNode: (next) => {
      node = next;
      watch.nodeKnown();
    },
    stop: async () => {
      stop.abort();
      await watch.ended;
    },
  };
}
