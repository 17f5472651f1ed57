// What a watch of one cloud is given, and what it gives back. The watches differ in protocol and in nothing else.

import type { Node } from "../../../shared/model/kube.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import type { SettingValues } from "../../../shared/runtime/settings.ts";
import type { AGENT_SETTINGS } from "../../settings.ts";
import type { Board } from "./board.ts";
import type { Channels } from "./channels.ts";
import type { Identity } from "./machine.ts";

export type MetadataSettings = Pick<
  SettingValues<typeof AGENT_SETTINGS>,
  | "cloud"
  | "metadataUrl"
  | "awsMetadataV1"
  | "awsNotice"
  | "gcpNotice"
  | "azureNotice"
  | "azureAcknowledge"
  | "noticeFile"
  | "noticeUrl"
  | "genericNotice"
>;

export interface CloudContext {
  readonly settings: MetadataSettings;
  readonly nodeName: string;
  /** Undefined before the first list, and when the node is not registered. */
  readonly ownNode: () => Node | undefined;
  /** Where the service is. */
  readonly bases: readonly [URL, ...URL[]];
  /** Of the machine's present boot; null where it cannot be read. */
  readonly bootId: string | null;
  readonly board: Board;
  readonly channels: Channels;
  /** The machine has been asked for its identity. */
  readonly onIdentity: (identity: Identity) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface CloudWatch {
  /** Lets the platform begin early; without effect where the cloud knows no such thing. */
  readonly acknowledge?: (id: string) => void;
  /** Ends with the signal; never rejects. */
  readonly ended: Promise<unknown>;
}
