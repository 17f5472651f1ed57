// An address of the operator's that tells of the machine's end, as bare metal and other clouds have one: nothing while all
// is well, and then JSON or an empty answer. It asks for no header and keeps to no vendor.

import type { NoticeKind } from "../../../shared/model/interruption.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { startEndpoint } from "./endpoint.ts";
import type { Endpoint, Incoming } from "./endpoint.ts";
import type { Answer } from "./wire.ts";

export interface GenericNoticeBody {
  readonly id?: string;
  readonly kind?: NoticeKind;
  readonly deadline?: EpochMs;
}

export interface GenericNotice extends Endpoint {
  /** With nothing to say the answer is empty. Returns the instant from which on it is shown. */
  notice(body?: GenericNoticeBody): EpochMs;
  withdraw(): EpochMs;
}

export interface GenericNoticeOptions {
  readonly clock: Clock;
  /** What says that there is no notice. */
  readonly none?: 204 | 404;
  readonly port?: number;
}

export async function startGenericNotice(options: GenericNoticeOptions): Promise<GenericNotice> {
  const { clock, none = 404 } = options;
  let standing: GenericNoticeBody | null = null;

  function serve({ method }: Incoming): Answer {
    if (method !== "GET") return { ...nothing(405), breach: `${method} on what is only read` };
    if (standing === null) return nothing(none);
    const { deadline, ...rest } = standing;
    const body = deadline === undefined ? rest : { ...rest, deadline: new Date(deadline).toISOString() };
    const text = Object.keys(body).length === 0 ? "" : JSON.stringify(body);
    return { status: 200, headers: { "content-type": "application/json" }, body: text };
  }

  const endpoint = await startEndpoint({ clock, serve, port: options.port ?? 0 });
  return {
    ...endpoint,
    notice: (body = {}) => {
      standing = body;
      return clock.now();
    },
    withdraw: () => {
      standing = null;
      return clock.now();
    },
  };
}

function nothing(status: number): Answer {
  return { status, headers: {}, body: "" };
}
