// The metadata of a cloud for a shipped agent: the fake endpoint of that cloud, the agent's settings that lead to it, and
// the machine's end in words that hold for all of them. For scenarios and benches; the clouds' own verbs are at the fakes.

import type { CloudSource } from "../../shared/model/interruption.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { startAwsMetadata } from "../world/metadata/aws.ts";
import { startAzureMetadata } from "../world/metadata/azure.ts";
import type { Endpoint } from "../world/metadata/endpoint.ts";
import { startGcpMetadata } from "../world/metadata/gcp.ts";
import { startGenericNotice } from "../world/metadata/generic.ts";

export const CLOUDS = ["aws", "gcp", "azure"] as const satisfies readonly CloudSource[];

export interface CloudMetadata extends AsyncDisposable {
  readonly source: CloudSource;
  readonly endpoint: Endpoint;
  /** By environment name; for `env` of an agent. */
  readonly env: Readonly<Record<string, string>>;
  /** How the paths begin that tell of the machine's end. */
  readonly noticePath: string;
  /** The machine goes then, as far as the cloud says when. Returns the instant from which on it is visible. */
  terminate(at: EpochMs): EpochMs;
  /** Nothing stands any more, and the machine is another one. */
  renew(): void;
}

export async function startCloudMetadata(source: CloudSource, clock: Clock): Promise<CloudMetadata> {
  let machine = 0;
  switch (source) {
    case "aws": {
      const aws = await startAwsMetadata({ clock });
      return {
        ...common(source, aws),
        noticePath: "/latest/meta-data/spot/instance-action",
        terminate: (at) => aws.notice({ action: "terminate", at: wholeSecond(at) }),
        renew: () => {
          aws.withdraw();
          aws.setIdentity({ instanceId: `i-0a1b2c3d4e5f6${String(machine++).padStart(4, "0")}` });
        },
      };
    }
    case "gcp": {
      const gcp = await startGcpMetadata({ clock });
      return {
        ...common(source, gcp),
        noticePath: "/computeMetadata/v1/instance/preempted",
        // Of the time nothing is said.
        terminate: () => gcp.preempt(),
        renew: () => {
          gcp.withdraw();
          gcp.setIdentity({ id: `918374650192837${String(machine++).padStart(4, "0")}` });
        },
      };
    }
    case "azure": {
      const azure = await startAzureMetadata({ clock });
      return {
        ...common(source, azure),
        noticePath: "/metadata/scheduledevents",
        terminate: (at) => azure.schedule({ type: "Preempt", notBefore: wholeSecond(at) }).at,
        // Each event has an id of its own, so the machine may stay what it is.
        renew: () => {
          azure.withdraw();
        },
      };
    }
    case "generic": {
      const generic = await startGenericNotice({ clock });
      return {
        ...common(source, generic),
        env: { GPUAS_CLOUD: "none", GPUAS_NOTICE_URL: generic.url },
        noticePath: "/",
        terminate: (at) => generic.notice({ id: `notice-${machine}`, deadline: at }),
        renew: () => {
          generic.withdraw();
          machine++;
        },
      };
    }
  }
}

function common(
  source: CloudSource,
  endpoint: Endpoint,
): Pick<CloudMetadata, "source" | "endpoint" | "env"> & AsyncDisposable {
  return {
    source,
    endpoint,
    env: { GPUAS_CLOUD: source, GPUAS_METADATA_URL: endpoint.url },
    [Symbol.asyncDispose]: () => endpoint.close(),
  };
}

/** What the cloud can say; the test that compares needs it so from the start. */
export function wholeSecond(at: EpochMs): EpochMs {
  return epochMs(Math.floor(at / 1000) * 1000);
}
