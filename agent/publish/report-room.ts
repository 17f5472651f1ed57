// How long a report may be, and what goes first when it is longer. What a report says, and how it is rounded, is
// decided in reports.ts.

import { written } from "../../shared/contract/gpu-report.ts";
import type { GpuReport } from "../../shared/contract/gpu-report.ts";

/** Eight GPUs in 4 KiB, more in proportion. 10,000 agents send one every 5 s, and the coordinator reads them all. */
const BYTES_PER_GPU = 512;
const AT_LEAST_GPUS = 8;

/**
 * As much of it as there is room for. What goes first is what `ask.<node>` tells as well and no decision needs: the
 * pods, of all GPUs, so that no list of them is a part of one; then the rest of what reports may leave out. Windows of
 * utilisation, state and health stay whatever it takes.
 */
export function encodeShort(report: GpuReport): Uint8Array {
  const room = BYTES_PER_GPU * Math.max(AT_LEAST_GPUS, report.gpus.length);
  let left = report;
  for (const leaveOut of [withoutPods, withoutUnsupported, withoutShares]) {
    const bytes = bytesOf(left);
    if (bytes.byteLength <= room) return bytes;
    left = leaveOut(left);
  }
  return bytesOf(left);
}

function bytesOf(report: GpuReport): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(written(report)));
}

function withoutPods(report: GpuReport): GpuReport {
  return { ...report, gpus: report.gpus.map((gpu) => ({ ...gpu, pods: undefined })) };
}

function withoutUnsupported(report: GpuReport): GpuReport {
  return { ...report, unsupported: undefined };
}

function withoutShares(report: GpuReport): GpuReport {
  const gpus = report.gpus.map((gpu) => ({ ...gpu, smActive: undefined, tensorActive: undefined }));
  return { ...report, gpus };
}
