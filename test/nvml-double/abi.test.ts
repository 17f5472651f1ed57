// The agent's tables of sizes, offsets, version stamps and numbers against what a C compiler makes of abi.h and
// ids.h, which were not written from those tables. Whether the members mean the same is seen in pattern.test.ts.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, onTestFinished, test } from "vitest";

import { CONSTANTS } from "../../agent/sample/nvml/constants.ts";
import { GPM_METRICS_GET, STRUCTS as SHARED } from "../../agent/sample/nvml/layout.ts";
import type { Member, MemberType, StructLayout } from "../../agent/sample/nvml/layout.ts";
import { KNOWN_CODES, nameOf } from "../../shared/model/nvml-status.ts";
import { compile } from "./build.ts";

/** With the head of the one whose size is another in every header. */
const STRUCTS: Readonly<Record<string, StructLayout>> = { ...SHARED, nvmlGpmMetricsGet_t: GPM_METRICS_GET };

const HERE = fileURLToPath(new URL(".", import.meta.url));
const BYTES: Readonly<Record<string, number>> = {
  u8: 1,
  u32: 4,
  i32: 4,
  u64: 8,
  f64: 8,
  pointer: 8,
  union8: 8,
};

/** What C says to each expression, by the expression. */
async function askC(expressions: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const directory = mkdtempSync(join(tmpdir(), "nvml-abi-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const source = [
    '#include "abi.h"',
    '#include "ids.h"',
    "#include <stddef.h>",
    "#include <stdio.h>",
    // What a member is besides its place: 1 a signed number, 2 an unsigned one, 3 a double, 0 anything else.
    "#define KIND(m) _Generic((m), int8_t: 1, int32_t: 1, int64_t: 1, uint8_t: 2, uint32_t: 2, uint64_t: 2, double: 3, default: 0)",
    "int main(void) {",
    ...expressions.map((expression) => `  printf("%lld\\n", (long long)(${expression}));`),
    "}",
  ];
  const program = join(directory, "abi");
  writeFileSync(`${program}.c`, `${source.join("\n")}\n`);
  await compile(["-std=c11", "-Wall", "-Wextra", "-Werror", `-I${HERE}`, "-o", program, `${program}.c`]);
  const { stdout } = await promisify(execFile)(program);
  const numbers = stdout.trim().split("\n").map(Number);
  expect(numbers).toHaveLength(expressions.length);
  return Object.fromEntries(expressions.map((expression, at) => [expression, numbers[at] ?? Number.NaN]));
}

async function expectC(expected: Readonly<Record<string, number>>): Promise<void> {
  expect(await askC(Object.keys(expected))).toEqual(expected);
}

function bytesOf(type: MemberType): number {
  return BYTES[type] ?? Number(/^bytes(?<count>\d+)$/u.exec(type)?.groups?.["count"]);
}

function membersOf(struct: string): readonly (readonly [string, Member])[] {
  return Object.entries(STRUCTS[struct]?.members ?? {});
}

test("C agrees about every size, and about every member's place and size", async () => {
  const expected: Record<string, number> = {};
  for (const [struct, { size }] of Object.entries(STRUCTS)) {
    expected[`sizeof(${struct})`] = size;
    for (const [member, { at, type }] of membersOf(struct)) {
      expected[`offsetof(${struct}, ${member})`] = at;
      expected[`sizeof(((${struct} *)0)->${member})`] = bytesOf(type);
    }
  }
  await expectC(expected);
});

// Not the 64-bit ones: none of them is ever negative, and some headers differ.
test("C agrees about what has a sign and what has a fraction", async () => {
  const kinds: Readonly<Partial<Record<MemberType, number>>> = { i32: 1, u8: 2, u32: 2, f64: 3 };
  const expected: Record<string, number> = {};
  for (const struct of Object.keys(STRUCTS)) {
    for (const [member, { type }] of membersOf(struct)) {
      const kind = kinds[type];
      if (kind !== undefined) expected[`KIND(((${struct} *)0)->${member})`] = kind;
    }
  }
  expect(Object.values(expected)).toEqual(expect.arrayContaining([1, 2, 3]));
  await expectC(expected);
});

test("C agrees about every version stamp", async () => {
  const stamps = Object.entries(STRUCTS).flatMap(([struct, { stamp = 1 }]) =>
    stamp === 1 ? [] : [[struct, stamp]],
  );
  expect(stamps.length).toBeGreaterThan(5);
  await expectC(
    Object.fromEntries(stamps.map(([struct, stamp]) => [`${String(struct).slice(0, -2)}`, Number(stamp)])),
  );
});

test("C agrees about every constant", async () => {
  await expectC(CONSTANTS);
});

test("C agrees about every return code", async () => {
  const own = KNOWN_CODES.filter((code) => code >= 0);
  const names = own.map((code) => nameOf(code).split(" ")[0] ?? "");
  const symbols = names.map((name) => (name === "SUCCESS" ? "NVML_SUCCESS" : `NVML_ERROR_${name}`));
  await expectC(Object.fromEntries(symbols.map((symbol, at) => [symbol, own[at] ?? Number.NaN])));
});
