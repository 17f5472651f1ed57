// Text made into HTML so that nobody can forget to escape: a value that goes into the template is text unless it is HTML
// already. It knows nothing of pages; what may stand in an attribute is a value between quotes, and nothing else.

declare const made: unique symbol;

/** A piece of HTML in which everything that came from outside is escaped. */
export interface Html {
  readonly [made]: true;
  readonly text: string;
}

export type HtmlValue = Html | string | number | null | readonly Html[];

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** The five characters that HTML reads as its own; control characters, which no HTML may carry, become �. */
export function escaped(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character)
      // eslint-disable-next-line no-control-regex -- they are what is taken out
      .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g, "\uFFFD")
  );
}

/** Text that is HTML because its writer is this program. Never for what a file or a person gave. */
export function trusted(text: string): Html {
  return { text } as Html;
}

/** The template's own line breaks with their indentation become one each: the source is laid out, the page is small. */
export function html(pieces: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const literal = squeezed(pieces);
  return trusted(literal.reduce((text, piece, at) => text + written(values[at - 1] ?? null) + piece));
}

const known = new WeakMap<TemplateStringsArray, readonly string[]>();

function squeezed(pieces: TemplateStringsArray): readonly string[] {
  const before = known.get(pieces);
  if (before !== undefined) return before;
  const made = pieces.map((piece) => piece.replace(/\s*\n\s*/g, "\n"));
  known.set(pieces, made);
  return made;
}

function written(value: HtmlValue): string {
  if (value === null) return "";
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number") return `${value}`;
  return "text" in value ? value.text : value.map((piece) => piece.text).join("");
}

/**
 * Data for the page's own script, as a JSON element that HTML cannot be closed from. Only for values without functions
 * and without undefined.
 */
export function dataElement(id: string, data: unknown): Html {
  const json = JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return trusted(`<script type="application/json" id="${escaped(id)}">${json}</script>`);
}
