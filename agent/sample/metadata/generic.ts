// Notices of the operator's own: a file that is there or not, and an address that answers or not, each looked at once a
// second. For bare metal and for clouds whose protocol we do not speak. What is in them is read in generic-answers.ts.

import { readFile, stat } from "node:fs/promises";

import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { Manner } from "./board.ts";
import { EVERY_SECOND_MS } from "./channels.ts";
import type { Channel } from "./channels.ts";
import { createMetadataClient, statusError } from "./client.ts";
import type { CloudContext, CloudWatch } from "./cloud.ts";
import { readGenericNotice } from "./generic-answers.ts";
import { BYTES_AT_MOST } from "./protocol.ts";
import { NOTHING } from "./reading.ts";
import type { Reading } from "./reading.ts";

const WITHIN_MS = millis(1_000);

export interface GenericOptions extends Omit<CloudContext, "bases" | "ownNode" | "onIdentity"> {
  readonly file: string | null;
  readonly url: URL | null;
}

export function watchGeneric(options: GenericOptions): CloudWatch {
  const { settings, nodeName: node, board, channels, clock, signal } = options;
  const bootMark = options.bootId ?? "boot";
  const manner = {
    source: "generic",
    absences: 1,
    leaves: "taken-back",
    usualMs: () => settings.genericNotice,
    furthestMs: null,
  } as const;

  function watched(place: string, ask: (how: Manner) => Promise<void>): Channel {
    return {
      place,
      everyMs: EVERY_SECOND_MS,
      matters: true,
      isUrgent: () => true,
      ask: async () => {
        await ask({ ...manner, place });
        return "usual";
      },
    };
  }

  const all: Channel[] = [];
  const { file, url } = options;
  if (file !== null) {
    const look = createFileLook(file, node);
    all.push(
      watched("notice file", async (how) => {
        const reading = await look();
        board.take(reading, how, null);
        if (reading.flaw !== null) throw new AppError("malformed", `${file}: ${reading.flaw}`);
      }),
    );
  }
  let close = (): void => {};
  if (url !== null) {
    const client = createMetadataClient({
      bases: [new URL(url.origin)],
      clock,
      maxBytes: BYTES_AT_MOST,
      maxSockets: 1,
    });
    close = client.close;
    const what = "read the notice address";
    const path = `${url.pathname}${url.search}`;
    const question = { path, headers: { accept: "application/json" }, withinMs: WITHIN_MS, what };
    all.push(
      watched("notice address", async (how) => {
        const answer = await client.ask(question, signal);
        const { status, body, serverNow } = answer;
        if (status !== 200 && status !== 204 && status !== 404) throw statusError(what, answer);
        const reading =
          status === 200 ? readGenericNotice(body, { node, from: "url", mark: bootMark }) : NOTHING;
        board.take(reading, how, serverNow);
        if (reading.flaw !== null) throw new AppError("malformed", reading.flaw);
      }),
    );
  }
  const ended = Promise.all(all.map((channel) => channels.run(channel))).then(close);
  return { ended };
}

/** Reads the file when it is another than the last time. @throws AppError when it is there and cannot be read. */
function createFileLook(path: string, node: string): () => Promise<Reading> {
  let last: { readonly look: string; readonly reading: Reading } | null = null;
  return async () => {
    try {
      const found = await stat(path);
      if (!found.isFile())
        throw new AppError("bad-input", `${path} is no file; name a file in GPUAS_NOTICE_FILE`);
      if (found.size > BYTES_AT_MOST)
        throw new AppError("malformed", `${path} is larger than ${BYTES_AT_MOST} bytes; a notice is a line`);
      const look = `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
      if (last?.look !== look) {
        const mark = Math.floor(found.mtimeMs).toString(36);
        const reading = readGenericNotice(await readFile(path, "utf8"), { node, from: "file", mark });
        last = { look, reading };
      }
      return last.reading;
    } catch (error) {
      if (error instanceof AppError) throw error;
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (code === "ENOENT" || code === "ENOTDIR") {
        last = null;
        return NOTHING;
      }
      const kind = code === "EACCES" || code === "EPERM" ? "denied" : "unavailable";
      throw new AppError(kind, `the notice file ${path} cannot be read`, { cause: error });
    }
  };
}
