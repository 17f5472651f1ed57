// moto, somebody else's stand-in of AWS (test/tools/python/moto_server.py), as a process of its own: scenes are set by raw
// calls that do not count, trouble is made by the layer in front of it. Nothing here speaks through our back end.

import type { Python } from "../tools/python.ts";

export interface Moto extends AsyncDisposable {
  readonly url: string;
  /** Empties everything, trouble and calls as well. */
  reset(): Promise<void>;
  /** One group of machines in the first zone, all in service at once. */
  addGroup(
    name: string,
    sizes: { readonly min: number; readonly max: number; readonly size: number },
  ): Promise<void>;
  /** A call by another hand, as a form. @returns the answer's XML. @throws for any but a good answer. */
  call(action: string, fields: Readonly<Record<string, string>>): Promise<string>;
  /** As `call`, to EC2. */
  ec2(action: string, fields: Readonly<Record<string, string>>): Promise<string>;
  trouble(order: MotoTrouble): Promise<void>;
  skew(seconds: number): Promise<void>;
  /** What the program under test has called. */
  calls(): Promise<readonly MotoCall[]>;
}

export interface MotoCall {
  readonly action: string;
  readonly form: Readonly<Record<string, string>>;
  readonly trouble: string | null;
}

export type MotoTrouble = { readonly actions: readonly string[]; readonly times?: number } & (
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "lost-before" | "lost-after" }
  /** The answer lacks the first such element behind a text. */
  | { readonly kind: "without"; readonly element: string; readonly behind: string }
);

const REGION = "us-west-2";
const TEMPLATE = "template";

export async function startMoto(python: Python): Promise<Moto> {
  const server = python.start("moto_server.py");
  const complaints: string[] = [];
  server.stderr.on("data", (chunk: Buffer) => complaints.push(chunk.toString()));
  const ended = new Promise<void>((resolve) => {
    server.once("close", () => resolve());
  });
  const port = await new Promise<string>((resolve, reject) => {
    let said = "";
    server.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const ready = /^ready (\d+)$/m.exec(said)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    server.once("error", reject);
    void ended.then(() => reject(new Error(`moto has ended: ${complaints.join("")}`)));
  });
  const url = `http://127.0.0.1:${port}`;

  async function post(
    path: string,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<string> {
    const response = await fetch(`${url}${path}`, { method: "POST", body, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`moto answered ${response.status} to ${path} ${body}: ${text}`);
    return text;
  }

  async function order(path: string, body: unknown): Promise<string> {
    return await post(path, JSON.stringify(body), { "content-type": "application/json" });
  }

  async function call(
    service: string,
    version: string,
    action: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<string> {
    const form = new URLSearchParams({ Action: action, Version: version, ...fields });
    return await post("/", form.toString(), {
      "content-type": "application/x-www-form-urlencoded",
      authorization: `AWS4-HMAC-SHA256 Credential=scene/20260101/${REGION}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      "x-scene": "yes",
    });
  }

  const moto: Moto = {
    url,
    reset: async () => {
      await post("/moto-api/reset", "", {});
      await order("/_forget", {});
      await moto.ec2("CreateLaunchTemplate", {
        LaunchTemplateName: TEMPLATE,
        "LaunchTemplateData.ImageId": "ami-12345678",
        "LaunchTemplateData.InstanceType": "g5.xlarge",
      });
    },
    addGroup: async (name, { min, max, size }) => {
      await moto.call("CreateAutoScalingGroup", {
        AutoScalingGroupName: name,
        "LaunchTemplate.LaunchTemplateName": TEMPLATE,
        MinSize: String(min),
        MaxSize: String(max),
        DesiredCapacity: String(size),
        "AvailabilityZones.member.1": `${REGION}a`,
      });
    },
    call: async (action, fields) => await call("autoscaling", "2011-01-01", action, fields),
    ec2: async (action, fields) => await call("ec2", "2016-11-15", action, fields),
    trouble: async (trouble) => {
      await order("/_trouble", trouble);
    },
    skew: async (seconds) => {
      await order("/_skew", { seconds });
    },
    calls: async () => JSON.parse(await order("/_calls", {})) as readonly MotoCall[],
    [Symbol.asyncDispose]: async () => {
      server.stdin.end();
      await ended;
    },
  };
  return moto;
}
