// Finds out whose machine this is: by the node's providerID, else by the firmware's names, else by asking all three
// services at once. It waits for none of them longer than a second and a half, and asks again only where the network
// may not have been up. On bare metal nobody is asked from then on.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { createPulse } from "../../../shared/runtime/stream.ts";
import type { Pulse } from "../../../shared/runtime/stream.ts";
import { createMetadataClient } from "./client.ts";
import type { Answer, Question } from "./client.ts";
import {
  AWS,
  awsTokenIn,
  awsTokenQuestion,
  AZURE,
  AZURE_BYTES_AT_MOST,
  BASES,
  GCP,
  isGoogles,
} from "./protocol.ts";
import { objectIn } from "./reading.ts";
import { cloudOfDmi, cloudOfProviderId, DMI_FILES } from "./signs.ts";
import type { Cloud, Dmi } from "./signs.ts";

export interface DetectOptions {
  /** Undefined before the node was heard of: then the network may not be up either. */
  readonly providerId: () => { readonly text: string | undefined } | undefined;
  readonly dmiDir: string;
  /** Where a metadata service is, when not at its own address. */
  readonly base: URL | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const PROBE_WITHIN_MS = millis(1_500);
const AGAIN_FIRST_MS = 30_000;
const AGAIN_LONGEST_MS = 600_000;
const DAY_MS = millis(86_400_000);

export interface Detector {
  /** The node may have told more. */
  readonly look: () => void;
  /** Resolves with the cloud, or with null when the signal has fired before one was found. Never rejects. */
  readonly found: Promise<Cloud | null>;
}

/** `onNone` is called when nothing points to a cloud and the network was up, so that there is nobody to ask. */
export function detectCloud(options: DetectOptions, onNone: () => void): Detector {
  const pulse = createPulse(options.clock);
  let known = options.providerId() !== undefined;
  return {
    look: () => {
      const node = options.providerId();
      if (node === undefined || (known && cloudOfProviderId(node.text) === null)) return;
      known = true;
      pulse.trigger();
    },
    found: detect(options, pulse, onNone).catch((error: unknown) => {
      if (!options.signal.aborted) options.log.error({ error }, "finding out the cloud ended");
      return null;
    }),
  };
}

async function detect(options: DetectOptions, pulse: Pulse, onNone: () => void): Promise<Cloud | null> {
  const { providerId, log, signal } = options;
  const dmi = await readDmi(options.dmiDir);
  let saidNone = false;
  for (let round = 0; ; round++) {
    const node = providerId();
    const byNode = cloudOfProviderId(node?.text);
    if (byNode !== null) return told(log, byNode, "the node's providerID");
    const byDmi = cloudOfDmi(dmi);
    if (byDmi !== null) return told(log, byDmi, "the firmware");
    if (!saidNone) {
      const answering = await probe(options, pulse);
      if (answering === "node") continue;
      if (answering !== null) return told(log, answering, "an answering metadata service");
      // The node came over the network, so that the network was up.
      if (node !== undefined) {
        saidNone = true;
        log.info({}, "no cloud's metadata is within reach: drills and the generic source only");
        onNone();
      }
    }
    const maxWaitMs = saidNone
      ? DAY_MS
      : millis(Math.min(AGAIN_LONGEST_MS, AGAIN_FIRST_MS * 2 ** Math.min(round, 10)));
    await pulse.next({ minGapMs: millis(0), maxWaitMs, signal });
  }
}

function told(log: Log, cloud: Cloud, from: string): Cloud {
  log.info({ source: cloud, from }, "the machine's cloud is known");
  return cloud;
}

/** What cannot be read is left out. */
export async function readDmi(folder: string): Promise<Dmi> {
  const read = DMI_FILES.map(async (name) => {
    try {
      return [[name, (await readFile(join(folder, name), "utf8")).trim()] as const];
    } catch {
      return [];
    }
  });
  return Object.fromEntries((await Promise.all(read)).flat());
}

const PROBES: Readonly<
  Record<Cloud, { readonly question: Question; readonly isIt: (answer: Answer) => boolean }>
> = {
  aws: {
    question: awsTokenQuestion(PROBE_WITHIN_MS),
    // A service of another kind that takes a PUT does not say how long it holds.
    isIt: (answer) => awsTokenIn(answer) !== null && answer.headers[AWS.ttlHeader] !== undefined,
  },
  gcp: {
    question: { path: `${GCP.data}id`, headers: GCP.headers, withinMs: PROBE_WITHIN_MS, what: "ask for GCP" },
    isIt: (answer) => answer.status === 200 && isGoogles(answer),
  },
  azure: {
    question: {
      path: AZURE.compute,
      headers: AZURE.headers,
      withinMs: PROBE_WITHIN_MS,
      what: "ask for Azure",
    },
    isIt: ({ status, body }) => status === 200 && typeof objectIn(body)?.["vmId"] === "string",
  },
};

/** All three at once; the first that is itself. "node": the node came meanwhile, and may know. Null: nobody is. */
async function probe(options: DetectOptions, pulse: Pulse): Promise<Cloud | "node" | null> {
  const { base, clock, signal } = options;
  const over = new AbortController();
  const end = (): void => {
    over.abort("over");
  };
  signal.addEventListener("abort", end, { once: true });
  const asked = (Object.keys(PROBES) as readonly Cloud[]).map(async (cloud): Promise<Cloud> => {
    const { question, isIt } = PROBES[cloud];
    const client = createMetadataClient({
      bases: [base ?? new URL(BASES[cloud][0])],
      clock,
      maxBytes: AZURE_BYTES_AT_MOST,
      maxSockets: 1,
    });
    try {
      if (isIt(await client.ask(question, over.signal))) return cloud;
    } finally {
      client.close();
    }
    throw new Error(`not ${cloud}`);
  });
  const came = pulse
    .next({ minGapMs: millis(0), maxWaitMs: DAY_MS, signal: over.signal })
    .then(() => "node" as const);
  try {
    const first = await Promise.race([Promise.any(asked), came]);
    signal.throwIfAborted();
    return first;
  } catch {
    signal.throwIfAborted();
    return null;
  } finally {
    end();
    signal.removeEventListener("abort", end);
    // A pulse has one waiter at a time: the next must not begin before this one is gone.
    await came.catch(() => {});
  }
}
