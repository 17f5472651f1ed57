import { describe, expect, test } from "vitest";

import { DCGM_DEFAULT_COUNTERS, parseDcgmCounters, planDcgm } from "./dcgm-counters.ts";
import { DCGM_FIELDS } from "./dcgm-fields.ts";
import { DCGM_NOT_SERVED } from "./dcgm-not-served.ts";

describe("parseDcgmCounters()", () => {
  test("reads the lines as dcgm-exporter does: comments, blanks, spaces before commas, quotation marks", () => {
    const text = [
      "# NAME, type, help",
      "",
      "DCGM_FI_DEV_SM_CLOCK,  gauge, SM clock frequency (in MHz).",
      "DCGM_FI_DEV_DEC_UTIL ,     gauge, Decoder utilization.",
      '  DCGM_FI_DEV_GPU_TEMP,gauge,"Temperature, in ""C""."\r',
      "#DCGM_FI_DEV_GPU_UTIL, gauge, off",
      "DCGM_FI_DRIVER_VERSION, label, Driver version",
    ].join("\n");
    expect(parseDcgmCounters(text, "list.csv")).toEqual([
      { name: "DCGM_FI_DEV_SM_CLOCK", type: "gauge", help: "SM clock frequency (in MHz)." },
      { name: "DCGM_FI_DEV_DEC_UTIL", type: "gauge", help: "Decoder utilization." },
      { name: "DCGM_FI_DEV_GPU_TEMP", type: "gauge", help: 'Temperature, in "C".' },
      { name: "DCGM_FI_DRIVER_VERSION", type: "label", help: "Driver version" },
    ]);
  });

  test("refuses every line that cannot be read in one go, by its number, and says what to write", () => {
    const text = [
      "DCGM_FI_DEV_GPU_TEMP, gauge, Temperature.",
      "DCGM_FI_DEV_GPU_UTIL",
      "DCGM_FI_DEV_GPU_UTIL, histogram, Utilisation.",
      "dcgm-util, gauge, Utilisation.",
      "DCGM_FI_DEV_FB_USED, gauge, used, in MiB",
      "DCGM_FI_DEV_FB_FREE, gauge,",
      "DCGM_FI_DEV_GPU_TEMP, gauge, Again.",
    ].join("\n");
    const refused = (() => {
      try {
        return parseDcgmCounters(text, "list.csv");
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({ kind: "settings" });
    expect(String(refused).split("\n")).toEqual([
      "AppError: the list of dcgm counters list.csv cannot be used",
      "line 2: has no three parts; write NAME, TYPE, help text: DCGM_FI_DEV_GPU_UTIL",
      "line 3: histogram is not one of gauge, counter, label",
      "line 4: dcgm-util is not a name: capitals, digits and _ only",
      "line 5: has more than three parts; put a help text with commas in quotation marks",
      "line 6: the help text is empty; write NAME, TYPE, help text",
      "line 7: DCGM_FI_DEV_GPU_TEMP stands in line 1 already",
    ]);
  });

  test("refuses a list without a line", () => {
    expect(() => parseDcgmCounters("# all off\n", "list.csv")).toThrow("the list is empty");
  });
});

describe("planDcgm()", () => {
  test("serves every name of the default list that the driver can tell", () => {
    const { fields, labels, notServed } = planDcgm(DCGM_DEFAULT_COUNTERS);
    expect(fields.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "DCGM_FI_DEV_SM_CLOCK gauge",
      "DCGM_FI_DEV_MEM_CLOCK gauge",
      "DCGM_FI_DEV_MEMORY_TEMP gauge",
      "DCGM_FI_DEV_GPU_TEMP gauge",
      "DCGM_FI_DEV_POWER_USAGE gauge",
      "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter",
      "DCGM_FI_DEV_PCIE_REPLAY_COUNTER counter",
      "DCGM_FI_DEV_GPU_UTIL gauge",
      "DCGM_FI_DEV_MEM_COPY_UTIL gauge",
      "DCGM_FI_DEV_ENC_UTIL gauge",
      "DCGM_FI_DEV_DEC_UTIL gauge",
      "DCGM_FI_DEV_XID_ERRORS gauge",
      "DCGM_FI_DEV_FB_FREE gauge",
      "DCGM_FI_DEV_FB_USED gauge",
      "DCGM_FI_DEV_FB_RESERVED gauge",
      "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS counter",
      "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS counter",
      "DCGM_FI_DEV_ROW_REMAP_FAILURE gauge",
      "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL counter",
      "DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge",
      "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE gauge",
      "DCGM_FI_PROF_DRAM_ACTIVE gauge",
      "DCGM_FI_PROF_PCIE_TX_BYTES gauge",
      "DCGM_FI_PROF_PCIE_RX_BYTES gauge",
    ]);
    expect(labels).toEqual(["DCGM_FI_DRIVER_VERSION"]);
    expect(notServed).toEqual([]);
  });

  test("keeps the type and the help of the list, and says of each name that is not served why", () => {
    const { fields, notServed } = planDcgm([
      { name: "DCGM_FI_DEV_GPU_UTIL", type: "counter", help: "Ours." },
      { name: "DCGM_FI_DEV_VGPU_LICENSE_STATUS", type: "gauge", help: "Licence." },
      { name: "DCGM_FI_DEV_GPU_TEMP", type: "label", help: "As a label." },
      { name: "DCGM_FI_DEV_SERIAL", type: "gauge", help: "As a number." },
      { name: "DCGM_FI_DEV_GPU_UTILL", type: "gauge", help: "Misspelt." },
      { name: "GPU_UTIL", type: "gauge", help: "Foreign." },
    ]);
    expect(fields).toMatchObject([{ name: "DCGM_FI_DEV_GPU_UTIL", type: "counter", help: "Ours." }]);
    expect(notServed.map(({ name, why }) => `${name}: ${why}`)).toEqual([
      "DCGM_FI_DEV_VGPU_LICENSE_STATUS: what vGPU hosts and licences say is not read",
      "DCGM_FI_DEV_GPU_TEMP: is a number that changes: it is no label",
      "DCGM_FI_DEV_SERIAL: is a text: its type must be label",
      "DCGM_FI_DEV_GPU_UTILL: the agent does not read it",
      "GPU_UTIL: no name of DCGM begins like this",
    ]);
  });

  test("no name is served and called not served, and none is served twice", () => {
    const names = DCGM_FIELDS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(DCGM_NOT_SERVED.filter(({ name }) => names.includes(name))).toEqual([]);
  });
});
