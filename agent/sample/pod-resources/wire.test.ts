import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import { encodeList } from "../../../test/build/kubelet.ts";
import { decodeListResponse } from "./decode.ts";
import { fieldsOf, textOf } from "./wire.ts";

const message = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
const numbersIn = (bytes: Uint8Array): readonly number[] => [...fieldsOf(bytes)].map(({ number }) => number);

describe("fieldsOf()", () => {
  test("finds strings and messages, and passes numbers of every width over", () => {
    const parts = [
      [0x08, 0x96, 0x01], // 1: varint 150
      [0x11, 1, 2, 3, 4, 5, 6, 7, 8], // 2: 64 bits
      [0x1a, 0x02, 0x68, 0x69], // 3: "hi"
      [0x25, 1, 2, 3, 4], // 4: 32 bits
      [0x2a, 0x00], // 5: ""
    ];
    const fields = [...fieldsOf(message(...parts.flat()))];
    expect(fields.map(({ number, bytes }) => [number, bytes === null ? null : textOf(bytes)])).toEqual([
      [1, null],
      [2, null],
      [3, "hi"],
      [4, null],
      [5, ""],
    ]);
  });

  test("reads the largest field number and a negative number of ten bytes", () => {
    const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    expect(numbersIn(message(0xf8, 0xff, 0xff, 0xff, 0x0f, ...minusOne))).toEqual([0x1fff_ffff]);
  });

  test.each([
    ["a tag that does not end", message(0x80), "goes past the end"],
    ["a length that does not end", message(0x0a, 0x80), "goes past the end"],
    ["a string longer than the message", message(0x0a, 0x03, 0x61, 0x62), "field 1 goes past the end"],
    ["a length of 2^63", message(0x0a, ...Array<number>(9).fill(0x80), 0x01), "field 1 goes past the end"],
    ["64 bits that are not all there", message(0x09, 1, 2), "field 1 goes past the end"],
    ["32 bits that are not all there", message(0x0d, 1), "field 1 goes past the end"],
    ["a number of eleven bytes", message(0x08, ...Array<number>(10).fill(0xff), 0x01), "longer than 10"],
    ["a group", message(0x0b, 0x0c), "wire type 3"],
    ["a wire type that does not exist", message(0x0f), "wire type 7"],
    ["field number 0", message(0x02, 0x00), "number 0"],
    ["a field number beyond 29 bits", message(0x80, 0x80, 0x80, 0x80, 0x10, 0x00), "number 536870912"],
  ])("refuses %s", (_, bytes, why) => {
    const read = (): unknown => numbersIn(bytes);
    expect(read).toThrow(AppError);
    expect(read).toThrow(why);
  });
});

describe("textOf()", () => {
  test("refuses bytes that are no UTF-8, and keeps every character of those that are", () => {
    expect(() => textOf(message(0xc3, 0x28))).toThrow("not UTF-8");
    expect(textOf(new TextEncoder().encode("\u{feff}größe"))).toBe("\u{feff}größe");
  });
});

const word = fc.string({ maxLength: 12 });
const pods = fc.array(
  fc.record({
    namespace: word,
    name: word,
    containers: fc.array(
      fc.record({
        name: word,
        devices: fc.dictionary(word, fc.array(word, { maxLength: 3 }), { maxKeys: 3 }),
        claims: fc.array(
          fc.record({
            name: word,
            driver: word,
            pool: word,
            device: word,
            cdi: fc.array(word, { maxLength: 2 }),
          }),
          { maxLength: 2 },
        ),
      }),
      { maxLength: 3 },
    ),
  }),
  { maxLength: 4 },
);

/** Reads it, or fails with our own refusal; anything else fails the property. */
function decoded(bytes: Uint8Array): ReturnType<typeof decodeListResponse> | "refused" {
  try {
    return decodeListResponse(bytes);
  } catch (error) {
    if (kindOf(error) === "malformed") return "refused";
    throw error;
  }
}

describe("decodeListResponse()", () => {
  test("reads back whatever is encoded", () => {
    fc.assert(
      fc.property(pods, (list) => {
        const devices = list.flatMap(({ namespace, name: pod, containers }) =>
          containers.flatMap(({ name: container, devices: plugin, claims }) => [
            ...Object.entries(plugin).flatMap(([resource, ids]) =>
              ids.map((device) => ({ namespace, pod, container, device, by: { kind: "plugin", resource } })),
            ),
            ...claims.map(({ name: claim, device, ...by }) => ({
              namespace,
              pod,
              container,
              device,
              by: { kind: "claim", claim, ...by },
            })),
          ]),
        );
        expect(decoded(encodeList(list))).toEqual(devices);
      }),
      { numRuns: 500 },
    );
  });

  test("reads or refuses any bytes, and any answer with bytes changed, lost or cut off", () => {
    const damaged = fc
      .tuple(pods, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), fc.nat(4))
      .map(([list, changes, end, lost]) => {
        const bytes = Uint8Array.from(encodeList(list));
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        const cut = bytes.length === 0 ? 0 : end % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + lost)]);
      });
    let refusals = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged), (bytes) => {
        if (decoded(bytes) === "refused") refusals++;
      }),
      { numRuns: 3000 },
    );
    // Else nothing was damaged, and the property says nothing.
    expect(refusals).toBeGreaterThan(300);
  });
});
