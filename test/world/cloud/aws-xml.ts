// Answers of AWS's Query protocol as XML: a list is a row of `member` elements, an answer has its action's name, an error
// has a form of its own. It knows no action; what stands in an answer comes from aws-actions.ts.

const NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

export type XmlValue = string | number | boolean | readonly XmlValue[] | XmlFields;
/** A field that is undefined is left out. */
export interface XmlFields {
  readonly [name: string]: XmlValue | undefined;
}

/** `result` is null for an action that answers with nothing but its name. */
export function answerXml(action: string, result: XmlFields | null, requestId: string): string {
  const inner = result === null ? "" : element(`${action}Result`, result);
  return `<${action}Response xmlns="${NAMESPACE}">${inner}${element("ResponseMetadata", { RequestId: requestId })}</${action}Response>`;
}

export interface XmlError {
  readonly code: string;
  readonly message: string;
  /** Whose fault it is, as the protocol has it: the caller's under 500. */
  readonly status: number;
}

export function errorXml({ code, message, status }: XmlError, requestId: string): string {
  const error = { Type: status < 500 ? "Sender" : "Receiver", Code: code, Message: message };
  return `<ErrorResponse xmlns="${NAMESPACE}">${element("Error", error)}${element("RequestId", requestId)}</ErrorResponse>`;
}

function element(name: string, value: XmlValue): string {
  return `<${name}>${content(value)}</${name}>`;
}

function content(value: XmlValue): string {
  if (typeof value !== "object") return escaped(String(value));
  if (isList(value)) return value.map((each) => element("member", each)).join("");
  return Object.entries(value)
    .map(([name, field]) => (field === undefined ? "" : element(name, field)))
    .join("");
}

function isList(value: XmlFields | readonly XmlValue[]): value is readonly XmlValue[] {
  return Array.isArray(value);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
