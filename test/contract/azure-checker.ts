// Microsoft's checker of requests to Azure (test/tools/go/azure-checker) as a process of its own, and our way to it: the
// back end's own transport with a token that anybody gets. It says what became of each request; it is no cloud.

import { spawn } from "node:child_process";
import { once } from "node:events";

import * as z from "zod";

import { createArm } from "../../coordinator/cloud/azure/arm.ts";
import type { Arm } from "../../coordinator/cloud/azure/arm.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startScriptedServer } from "../build/scripted-server.ts";

const verdicts = z.array(
  z.object({
    /** `GET /subscriptions/…` */
    line: z.string(),
    /** The call of Microsoft's clients that sends such a request; "": none does. */
    as: z.string(),
    /** For each call that comes near, why it is another one. */
    refused: z.array(z.string()),
  }),
);
export type Verdict = z.infer<typeof verdicts>[number];

export interface AzureChecker extends AsyncDisposable {
  /** What the back end takes for the whole of Azure. */
  readonly env: Readonly<Record<string, string>>;
  readonly arm: Arm;
  /** Of the requests since the last time, in order. */
  verdicts(): Promise<readonly Verdict[]>;
}

export async function startAzureChecker(program: string): Promise<AzureChecker> {
  // It ends when its input does.
  const child = spawn(program, [], { stdio: ["pipe", "pipe", "pipe"] });
  const complaints: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk.toString()));
  const ended = once(child, "close");
  const port = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const ready = /^ready (\d+)$/m.exec(said)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    ended.then(() => reject(new Error(`the checker has ended: ${complaints.join("")}`)), reject);
  });
  const tokens = await startScriptedServer((_request, reply) => {
    reply.json(200, { access_token: "token", expires_in: "3600" });
  });
  const env = {
    AZURE_RESOURCE_MANAGER_ENDPOINT: `http://127.0.0.1:${port}`,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: tokens.url.origin,
  };
  const arm = createArm({ env, clock: systemClock });
  let seen = 0;

  return {
    env,
    arm,
    verdicts: async () => {
      const answer = await fetch(`${env.AZURE_RESOURCE_MANAGER_ENDPOINT}/verdicts`);
      const all = verdicts.parse(await answer.json());
      const news = all.slice(seen);
      seen = all.length;
      return news;
    },
    [Symbol.asyncDispose]: async () => {
      arm.close();
      await tokens[Symbol.asyncDispose]();
      child.stdin.end();
      await ended;
    },
  };
}
