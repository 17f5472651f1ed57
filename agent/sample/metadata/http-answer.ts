// Reads one HTTP/1.1 answer from the bytes of a connection, strictly and up to a size: what is no answer is said at once
// and never guessed at. It opens nothing and asks nothing; whose bytes they are is in line.ts.

import { AppError } from "../../../shared/runtime/errors.ts";

export interface HttpAnswer {
  readonly status: number;
  /** Names in small letters; of a name that comes twice, the first. Without the date. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** As the answer has it; "" where it has none. */
  readonly date: string;
  /** The connection may carry the next question. */
  readonly keeps: boolean;
}

export interface AnswerReader {
  /** The bytes may be written over afterwards. Null: it is not whole yet. @throws AppError malformed. */
  add(bytes: Buffer): HttpAnswer | null;
  /** The connection has ended. Null: in the middle of the answer. @throws AppError malformed. */
  end(): HttpAnswer | null;
  /** Whether any byte has come. */
  readonly begun: boolean;
}

export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly date: string;
  readonly keeps: boolean;
  /** Bytes of the body; "chunked"; "rest": all up to the end of the connection. */
  readonly length: number | "chunked" | "rest";
}

const BEGIN = Buffer.from("HTTP/1.");
const LINE_END = "\r\n";
const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_AT_MOST = 16 * 1024;
/** A size line of a chunk, with extensions that nobody reads. */
const SIZE_LINE_AT_MOST = 256;
/** A service that cuts its answer into the smallest chunks sends about six bytes for one. */
const CHUNKED_FACTOR = 8;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/;
const FIELD = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*)$/;
const NONE = Buffer.alloc(0);

/** `readHead` is kept from one answer of a connection to the next. */
export function createAnswerReader(maxBytes: number, readHead: ReadHead = createHeadReader()): AnswerReader {
  let bytes: Buffer = NONE;
  let head: Head | null = null;
  let begun = false;
  const chunks = createChunks(maxBytes);

  function takeHead(): Head | null {
    while (head === null) {
      const seen = Math.min(bytes.length, BEGIN.length);
      if (bytes.compare(BEGIN, 0, seen, 0, seen) !== 0) throw malformed("the answer is no HTTP");
      const at = bytes.indexOf(HEAD_END);
      if (at > HEAD_BYTES_AT_MOST || (at < 0 && bytes.length > HEAD_BYTES_AT_MOST))
        throw malformed(`the head of the answer is larger than ${HEAD_BYTES_AT_MOST} bytes`);
      if (at < 0) return null;
      const next = readHead(bytes.toString("latin1", 0, at));
      bytes = bytes.subarray(at + HEAD_END.length);
      // What comes before the answer itself says nothing to us.
      if (next.status >= 200) head = next;
    }
    return head;
  }

  function whole({ status, headers, date, keeps }: Head, body: string, used: number): HttpAnswer {
    // Who says more than was asked for is not asked again in the same place.
    return { status, headers, body, date, keeps: keeps && used === bytes.length };
  }

  function look(isOver: boolean): HttpAnswer | null {
    const known = takeHead();
    if (known === null) return null;
    const { length } = known;
    if (length === "chunked") {
      const found = chunks(bytes);
      return found === null ? null : whole(known, found.body, found.used);
    }
    if ((length === "rest" ? bytes.length : length) > maxBytes) throw tooLarge(maxBytes);
    if (length === "rest") return isOver ? whole(known, bytes.toString("utf8"), bytes.length) : null;
    return bytes.length < length ? null : whole(known, bytes.toString("utf8", 0, length), length);
  }

  return {
    add: (more) => {
      begun = true;
      bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more]);
      const found = look(false);
      if (found === null) bytes = Buffer.from(bytes);
      return found;
    },
    end: () => (begun ? look(true) : null),
    get begun() {
      return begun;
    },
  };
}

export type ReadHead = (text: string) => Head;

/** Answers to the same question differ in their date alone, so a head that does is not taken apart again. */
export function createHeadReader(): ReadHead {
  let last: { readonly before: string; readonly after: string; readonly head: Head } | null = null;
  return (text) => {
    if (last !== null && text.startsWith(last.before) && text.endsWith(last.after)) {
      const date = text.slice(last.before.length, text.length - last.after.length);
      if (date.length === last.head.date.length && !date.includes("\r")) return { ...last.head, date };
    }
    const head = parseHead(text);
    const at = head.date === "" ? -1 : text.indexOf(head.date);
    const [before, after] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + head.date.length)];
    // Only where the date stands once and by itself, so that nothing else can take its place.
    last = /\r\ndate: ?$/i.test(before) && after.startsWith("\r") ? { before, after, head } : null;
    return head;
  };
}

function parseHead(text: string): Head {
  const [first = "", ...lines] = text.split(LINE_END);
  const [, minor, code] = STATUS_LINE.exec(first) ?? [];
  if (code === undefined) throw malformed("the answer begins with no status");
  let date: string | null = null;
  const headers = Object.create(null) as Record<string, string | undefined>;
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) throw malformed("the answer has a header that is none");
    const key = name.toLowerCase();
    if (key === "date") {
      date ??= value.trimEnd();
      continue;
    }
    const before = headers[key];
    headers[key] ??= value.trimEnd();
    if (before !== undefined && before !== value.trimEnd() && FRAMING.has(key))
      throw malformed(`the answer has more than one ${key}`);
  }
  const status = Number(code);
  if (status === 101) throw malformed("the answer leaves HTTP");
  const says = headers["connection"]?.toLowerCase() ?? "";
  const length = lengthOf(status, headers);
  const keeps =
    length !== "rest" && !says.includes("close") && (minor === "1" || says.includes("keep-alive"));
  return { status, headers, date: date ?? "", keeps, length };
}

/** Where two readers that disagree on one of these would disagree on where the next answer begins. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

function lengthOf(status: number, headers: Head["headers"]): Head["length"] {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked")
    throw malformed("the answer is coded in a way that was not asked for");
  if (coding !== undefined && length !== undefined) throw malformed("the answer has two lengths");
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw malformed("the answer has a length that is none");
  if (status < 200 || status === 204 || status === 304) return 0;
  if (coding !== undefined) return "chunked";
  return length === undefined ? "rest" : Number(length);
}

type Chunks = (bytes: Buffer) => { readonly body: string; readonly used: number } | null;

/** Reads on from where it was when more bytes have come behind the same. */
function createChunks(maxBytes: number): Chunks {
  const parts: (readonly [from: number, to: number])[] = [];
  let at = 0;
  let size = 0;
  let isLast = false;

  return (bytes) => {
    for (;;) {
      if (bytes.length > maxBytes * CHUNKED_FACTOR + HEAD_BYTES_AT_MOST) throw tooLarge(maxBytes);
      const end = bytes.indexOf(LINE_END, at);
      if (end > at + SIZE_LINE_AT_MOST || (end < 0 && bytes.length > at + SIZE_LINE_AT_MOST))
        throw malformed("the answer has a chunk whose size is none");
      if (end < 0) return null;
      const line = bytes.toString("latin1", at, end);
      if (isLast) {
        // Headers behind the body say nothing to us.
        at = end + LINE_END.length;
        if (line !== "") continue;
        const body = Buffer.concat(parts.map(([from, to]) => bytes.subarray(from, to))).toString("utf8");
        return { body, used: at };
      }
      const [, digits] = /^([\da-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line) ?? [];
      if (digits === undefined) throw malformed("the answer has a chunk whose size is none");
      const length = Number.parseInt(digits, 16);
      const from = end + LINE_END.length;
      if (size + length > maxBytes) throw tooLarge(maxBytes);
      if (length === 0) {
        isLast = true;
        at = from;
        continue;
      }
      const to = from + length;
      if (bytes.length < to + LINE_END.length) return null;
      if (bytes.toString("latin1", to, to + LINE_END.length) !== LINE_END)
        throw malformed("the answer has a chunk that is longer than it says");
      parts.push([from, to]);
      size += length;
      at = to + LINE_END.length;
    }
  };
}

function malformed(why: string): AppError {
  return new AppError("malformed", why);
}

function tooLarge(maxBytes: number): AppError {
  return malformed(`the answer is larger than ${maxBytes} bytes`);
}
