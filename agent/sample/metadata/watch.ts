// The watch over all that announces the machine's end: finds out the cloud, starts the watch that speaks its protocol
// and that of the operator's own notices, and shows what they have found in one form. Nothing of it ends the agent.

import type { Machine } from "../../../shared/contract/notice.ts";
import type { CloudSource } from "../../../shared/model/interruption.ts";
import type { Node } from "../../../shared/model/kube.ts";
import type { Random } from "../../../shared/model/random.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { readBootId } from "../kernel-log/kernel-log.ts";
import { watchAws } from "./aws.ts";
import { watchAzure } from "./azure.ts";
import { createBoard } from "./board.ts";
import { createChannels } from "./channels.ts";
import type { Channels, Outcome } from "./channels.ts";
import { baseUrl } from "./client.ts";
import type { CloudContext, CloudWatch, MetadataSettings } from "./cloud.ts";
import { detectCloud } from "./detect.ts";
import type { Detector } from "./detect.ts";
import { watchGcp } from "./gcp.ts";
import { watchGeneric } from "./generic.ts";
import { createHealth } from "./health.ts";
import { machineOf } from "./machine.ts";
import type { Identity } from "./machine.ts";
import { BASES } from "./protocol.ts";
import type { Cloud } from "./signs.ts";
import type { MetadataHealth, MetadataWatch } from "./source.ts";

export interface MetadataOptions {
  readonly settings: MetadataSettings;
  readonly nodeName: string;
  /** Undefined before the first list, and when the node is not registered. */
  readonly ownNode: () => Node | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** A sighting, the cloud, the machine or the state of the service is another. */
  readonly onChange: () => void;
  /** Of each answer of a metadata service: "ok", or what was wrong with it. */
  readonly onAnswer: (source: CloudSource, outcome: Outcome) => void;
  readonly dmiDir?: string;
  readonly bootId?: () => Promise<string | null>;
}

export interface RunningMetadata extends MetadataWatch {
  /** To be called when our node was heard of or has changed. Cheap. */
  readonly nodeKnown: () => void;
}

const DMI_DIR = "/sys/class/dmi/id";
const DETECTION = "cloud";
const WATCH: Readonly<Record<Cloud, (context: CloudContext) => CloudWatch>> = {
  aws: watchAws,
  gcp: watchGcp,
  azure: watchAzure,
};

/** @throws AppError settings when an address that the operator gave is none. Whatever comes later ends nothing. */
export function watchMetadata(options: MetadataOptions): RunningMetadata {
  const { settings, nodeName, ownNode, clock, random, log, signal, onChange } = options;
  const base = settings.metadataUrl === null ? null : baseUrl("GPUAS_METADATA_URL", settings.metadataUrl);
  const noticeUrl = settings.noticeUrl === null ? null : baseUrl("GPUAS_NOTICE_URL", settings.noticeUrl);
  const hasGeneric = settings.noticeFile !== null || noticeUrl !== null;
  const health = createHealth({ clock, log, onChange });
  const board = createBoard({ clock, log, onChange });
  let cloud: Cloud | "none" | null = null;
  let identity: Identity = {};
  let machine: Machine | null = null;
  let watching: CloudWatch | null = null;
  let detector: Detector | null = null;

  const sourceOf = (): CloudSource | "none" | null => (cloud === "none" && hasGeneric ? "generic" : cloud);

  function lookAtMachine(): void {
    const source = sourceOf();
    const next = source === null || source === "none" ? null : machineOf(source, identity, ownNode());
    if (JSON.stringify(next) === JSON.stringify(machine)) return;
    machine = next;
    onChange();
  }

  function become(next: Cloud | "none"): void {
    cloud = next;
    lookAtMachine();
    onChange();
  }

  const channelsOf = (source: CloudSource): Channels =>
    createChannels({
      health,
      clock,
      random,
      log,
      signal,
      onOutcome: (outcome) => {
        options.onAnswer(source, outcome);
      },
    });

  async function watchCloud(bootId: string | null): Promise<void> {
    if (settings.cloud === "auto") {
      const providerId = () => {
        const node = ownNode();
        return node === undefined ? undefined : { text: node.spec?.providerID };
      };
      const dmiDir = options.dmiDir ?? DMI_DIR;
      detector = detectCloud({ providerId, dmiDir, base, clock, log, signal }, () => {
        health.retire(DETECTION);
        become("none");
      });
    }
    const found = settings.cloud === "auto" ? ((await detector?.found) ?? null) : settings.cloud;
    detector = null;
    if (found === null) return;
    if (found !== "none") {
      const [first, ...others] = BASES[found];
      watching = WATCH[found]({
        settings,
        nodeName,
        ownNode,
        bases: base === null ? [new URL(first), ...others.map((text) => new URL(text))] : [base],
        bootId,
        board,
        channels: channelsOf(found),
        onIdentity: (said) => {
          identity = said;
          lookAtMachine();
        },
        clock,
        log: log.child({ source: found }),
        signal,
      });
    }
    become(found);
    health.retire(DETECTION);
    await watching?.ended;
  }

  async function run(): Promise<void> {
    const bootId = (await (options.bootId ?? readBootId)()) ?? ownNode()?.status?.nodeInfo?.bootID ?? null;
    const generic = !hasGeneric
      ? null
      : watchGeneric({
          settings,
          nodeName,
          bootId,
          file: settings.noticeFile,
          url: noticeUrl,
          board,
          channels: channelsOf("generic"),
          clock,
          log,
          signal,
        });
    await Promise.all([generic?.ended, watchCloud(bootId)]);
  }

  health.expect(DETECTION);
  const ended = run().catch((error: unknown) => {
    if (!signal.aborted) log.error({ error }, "watching the metadata ended");
  });

  return {
    get cloud() {
      return sourceOf();
    },
    get machine() {
      return machine;
    },
    get sightings() {
      return board.sightings;
    },
    get answered() {
      return cloud !== null && (sourceOf() === "none" || health.complete);
    },
    get health(): MetadataHealth {
      return sourceOf() === "none" ? { state: "none" } : health.state;
    },
    nodeKnown: () => {
      detector?.look();
      lookAtMachine();
    },
    acknowledge: (id) => {
      watching?.acknowledge?.(id);
    },
    ended,
  };
}
