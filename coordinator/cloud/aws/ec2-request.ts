// The one call that we make to EC2, as a request of our own: the form is written here, and the SDK's own signer, credentials,
// connections and XML reader do the rest. EC2's client would add 97 MB on disk for it. Part of the SDK's bundle (sdk.ts),
// and like that it imports nothing of ours that has a class.

import { parseXML } from "@aws-sdk/xml-builder";
import { SignatureV4 } from "@smithy/signature-v4";

import { epochMs } from "../../../shared/model/units.ts";
import type { Answer, Ec2Sender, SpotPricePage, SpotPriceQuestion } from "./calls.ts";
import { unreadable } from "./raw-answer.ts";

/** Of a request of the SDK. */
export interface Place {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
}

interface Request extends Place {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly query: Record<string, string>;
  readonly body: string;
}

interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type SignerInit = ConstructorParameters<typeof SignatureV4>[0];

export interface Ec2Parts {
  readonly region: string;
  /** Null: nothing was asked yet. */
  readonly place: () => Place | null;
  readonly credentials: SignerInit["credentials"];
  readonly sha256: SignerInit["sha256"];
  readonly send: (request: Request, signal: AbortSignal) => Promise<Response>;
  /** AWS's clock less ours, as the SDK has learnt it. */
  readonly clockOffsetMs: () => number;
  readonly readAll: (body: never) => Promise<Buffer>;
}

const VERSION = "2016-11-15";
const CALL = "DescribeSpotPriceHistory";
const PAGE_MAX = 1_000;

export function createEc2Sender(parts: Ec2Parts): Ec2Sender {
  const { region, credentials, sha256 } = parts;
  const signer = new SignatureV4({ service: "ec2", region, credentials, sha256 });
  return {
    [CALL]: async (input, signal) => {
      const place = parts.place();
      if (place === null) throw new Error("no group has been read yet, so where AWS is asked is not known");
      const unsigned = requestOf(formOf(input), place);
      const signingDate = new Date(Date.now() + parts.clockOffsetMs());
      const request = (await signer.sign(unsigned, { signingDate })) as Request;
      const response = await parts.send(request, signal);
      const text = (await parts.readAll(response.body as never)).toString();
      return answerOf(response, text);
    },
  };
}

function formOf({ instanceTypes, from, to, nextToken }: SpotPriceQuestion): string {
  return new URLSearchParams({
    Action: CALL,
    Version: VERSION,
    StartTime: from,
    EndTime: to,
    // What machines of Kubernetes run; licences of others cost more.
    "ProductDescription.1": "Linux/UNIX",
    MaxResults: String(PAGE_MAX),
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
    // A filter finds nothing of a type that is none or is not sold in the region; as a parameter it may fail the whole call.
    "Filter.1.Name": "instance-type",
    ...Object.fromEntries(instanceTypes.map((type, at) => [`Filter.1.Value.${at + 1}`, type])),
  }).toString();
}

/** EC2 stands beside Auto Scaling in every partition: `autoscaling.REGION.…` and `ec2.REGION.…`. */
function requestOf(body: string, { protocol, hostname, port }: Place): Request {
  const host = hostname.replace(/^autoscaling(?=[.-])/, "ec2");
  return {
    method: "POST",
    protocol,
    hostname: host,
    ...(port === undefined ? {} : { port }),
    path: "/",
    query: {},
    headers: {
      host: port === undefined ? host : `${host}:${port}`,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": String(Buffer.byteLength(body)),
    },
    body,
  };
}

/** @throws an error with `name`, as the SDK's are: what it means is judged in errors.ts. */
function answerOf({ statusCode, headers }: Response, text: string): Answer<SpotPricePage> {
  const $metadata = { httpStatusCode: statusCode };
  const problem = unreadable(CALL, statusCode, text);
  if (problem !== null) throw Object.assign(new Error(problem), { name: "UnreadableAnswer", $metadata });
  const document: unknown = parseXML(text);
  if (statusCode >= 300) {
    const { Code, Message } = errorIn(document);
    throw Object.assign(new Error(Message), { name: Code, Code, $metadata, $response: { headers } });
  }
  const root = fieldsOf(fieldsOf(document)[`${CALL}Response`]);
  const nextToken = root["nextToken"];
  const at = Date.parse(headers["date"] ?? "");
  return {
    output: {
      prices: listOf(fieldsOf(root["spotPriceHistorySet"])["item"]).map(fieldsOf),
      ...(typeof nextToken === "string" && nextToken !== "" ? { nextToken } : {}),
    },
    at: at > 0 ? epochMs(at) : null,
  };
}

/** EC2 writes `<Response><Errors><Error>`; what stands in front of it may write `<ErrorResponse><Error>`. */
function errorIn(document: unknown): { readonly Code: string; readonly Message: string } {
  const { Response: own, ErrorResponse: other } = fieldsOf(document);
  const listed = listOf(fieldsOf(fieldsOf(own)["Errors"])["Error"])[0];
  const { Code, Message } = fieldsOf(listed ?? fieldsOf(other)["Error"]);
  return {
    Code: typeof Code === "string" ? Code : "unknown",
    Message: typeof Message === "string" ? Message : "no message",
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** One item is written like a field. */
function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === "") return [];
  return Array.isArray(value) ? value : [value];
}
