// Answers on `ask.<node>`: everything that the agent knows of its GPUs at the moment of asking. Nothing is read from
// the driver for it, so a question costs the GPUs nothing and is answered while a driver call hangs.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { Nats } from "../../shared/runtime/nats.ts";

export interface AskOptions {
  readonly nats: Pick<Nats, "reply">;
  readonly node: string;
  readonly subjectRoot: string;
  readonly detail: () => NodeDetail;
  readonly signal: AbortSignal;
}

/** A NATS server takes 1 MiB as it comes; 16 GPUs in seven instances each, full of pods and processes, need half. */
const ANSWER_BYTES = 768 * 1024;
/** Questions that wait; whoever asks more often than we answer does not fill our memory. */
const WAITING_AT_MOST = 16;

/** Ends with the signal. The question's own content is not looked at. */
export async function answerAsk({ nats, node, subjectRoot, detail, signal }: AskOptions): Promise<void> {
  await nats.reply(subjectFor("ask", node, subjectRoot), () => encodeDetail(detail()), {
    signal,
    bound: WAITING_AT_MOST,
  });
}

/**
 * The answer within its bound; where it is too long, without its longest lists, and it says so in `leftOut`.
 * @throws AppError refused when nothing that may be left out makes it short enough.
 */
export function encodeDetail(detail: NodeDetail, atMost: number = ANSWER_BYTES): Uint8Array {
  const forms: readonly (() => NodeDetail)[] = [
    () => detail,
    () => withoutProcesses(detail),
    () => withoutInstanceReadings(withoutProcesses(detail)),
  ];
  let bytes = 0;
  for (const form of forms) {
    const answer = new TextEncoder().encode(JSON.stringify(form()));
    if (answer.byteLength <= atMost) return answer;
    bytes = answer.byteLength;
  }
  throw new AppError(
    "refused",
    `the answer has ${bytes} bytes without processes and readings of instances, and ${atMost} is the most; look at the agent's metrics instead`,
  );
}

function withoutProcesses(detail: NodeDetail): NodeDetail {
  return {
    ...detail,
    leftOut: [...(detail.leftOut ?? []), "processes"],
    gpus: detail.gpus.map((gpu) => ({ ...gpu, processes: null })),
  };
}

function withoutInstanceReadings(detail: NodeDetail): NodeDetail {
  return {
    ...detail,
    leftOut: [...(detail.leftOut ?? []), "readings of instances"],
    gpus: detail.gpus.map((gpu) => ({
      ...gpu,
      mig:
        typeof gpu.mig === "string"
          ? gpu.mig
          : { instances: gpu.mig.instances.map((instance) => ({ ...instance, readings: {} })) },
    })),
  };
}
