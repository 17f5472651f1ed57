// What went wrong in a GPU and on its links: memory errors, remapped rows, PCIe, NVLink, fabric, throttling.

#include "answers.h"

#include <string.h>

EXPORT int nvmlDeviceGetEccMode(void *device, int *current, int *pending) {
  struct subject subject;
  double now;
  int code = enter_device(F_nvmlDeviceGetEccMode, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (current == NULL || pending == NULL) return null_pointer(F_nvmlDeviceGetEccMode);
  if (!scenario_value(subject, K_ecc_enabled, &now)) return NVML_ERROR_NOT_SUPPORTED;
  *current = (int)now;
  *pending = (int)scenario_number(subject, K_ecc_pending_mode, now);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, uint64_t *out) {
  static const enum key keys[2][2] = {{K_ecc_volatile_corrected, K_ecc_aggregate_corrected},
                                      {K_ecc_volatile_uncorrected, K_ecc_aggregate_uncorrected}};
  double value;
  int known = type >= 0 && type < 2 && counter >= 0 && counter < 2;
  int code = ask(F_nvmlDeviceGetTotalEccErrors, device, out, known ? keys[type][counter] : K_ecc_enabled, &value);
  if (code != NVML_SUCCESS) return code;
  if (!known) return NVML_ERROR_INVALID_ARGUMENT;
  *out = long_word(value);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetSramEccErrorStatus(void *device, nvmlEccSramErrorStatus_v1_t *out) {
  struct subject subject;
  double exceeded;
  int code = enter_device(F_nvmlDeviceGetSramEccErrorStatus, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetSramEccErrorStatus);
  code = check_stamp(F_nvmlDeviceGetSramEccErrorStatus, out->version, nvmlEccSramErrorStatus_v1, 0);
  if (code != NVML_SUCCESS) return code;
  if (!scenario_value(subject, K_sram_threshold_exceeded, &exceeded)) return NVML_ERROR_NOT_SUPPORTED;
  out->aggregateUncParity = long_word(scenario_number(subject, K_sram_aggregate_parity, 0));
  out->aggregateUncSecDed = long_word(scenario_number(subject, K_sram_aggregate_secded, 0));
  out->aggregateCor = long_word(scenario_number(subject, K_sram_aggregate_corrected, 0));
  out->volatileUncParity = long_word(scenario_number(subject, K_sram_volatile_parity, 0));
  out->volatileUncSecDed = long_word(scenario_number(subject, K_sram_volatile_secded, 0));
  out->volatileCor = long_word(scenario_number(subject, K_sram_volatile_corrected, 0));
  out->aggregateUncBucketL2 = long_word(scenario_number(subject, K_sram_bucket_l2, 0));
  out->aggregateUncBucketSm = long_word(scenario_number(subject, K_sram_bucket_sm, 0));
  out->aggregateUncBucketPcie = long_word(scenario_number(subject, K_sram_bucket_pcie, 0));
  out->aggregateUncBucketMcu = long_word(scenario_number(subject, K_sram_bucket_mcu, 0));
  out->aggregateUncBucketOther = long_word(scenario_number(subject, K_sram_bucket_other, 0));
  out->bThresholdExceeded = word(exceeded);
  if (scenario_pattern()) fill_pattern("nvmlEccSramErrorStatus_v1_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetRemappedRows(void *device, uint32_t *corrected, uint32_t *uncorrected, uint32_t *pending,
                                     uint32_t *failed) {
  struct subject subject;
  double rows;
  int code = enter_device(F_nvmlDeviceGetRemappedRows, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (corrected == NULL || uncorrected == NULL || pending == NULL || failed == NULL)
    return null_pointer(F_nvmlDeviceGetRemappedRows);
  if (!scenario_value(subject, K_remapped_rows_correctable, &rows)) return NVML_ERROR_NOT_SUPPORTED;
  *corrected = word(rows);
  *uncorrected = word(scenario_number(subject, K_remapped_rows_uncorrectable, 0));
  *pending = word(scenario_number(subject, K_remapped_rows_pending, 0));
  *failed = word(scenario_number(subject, K_remapped_rows_failed, 0));
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetRowRemapperHistogram(void *device, nvmlRowRemapperHistogramValues_t *out) {
  struct subject subject;
  double max;
  int code = enter_device(F_nvmlDeviceGetRowRemapperHistogram, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetRowRemapperHistogram);
  if (!scenario_value(subject, K_remap_histogram_max, &max)) return NVML_ERROR_NOT_SUPPORTED;
  out->max = word(max);
  out->high = word(scenario_number(subject, K_remap_histogram_high, 0));
  out->partial = word(scenario_number(subject, K_remap_histogram_partial, 0));
  out->low = word(scenario_number(subject, K_remap_histogram_low, 0));
  out->none = word(scenario_number(subject, K_remap_histogram_none, 0));
  if (scenario_pattern()) fill_pattern("nvmlRowRemapperHistogramValues_t", out);
  return NVML_SUCCESS;
}

ANSWER_WORD(nvmlDeviceGetRetiredPagesPendingStatus, K_retired_pages_pending)
ANSWER_WORD(nvmlDeviceGetPcieReplayCounter, K_pcie_replays)
ANSWER_WORD(nvmlDeviceGetCurrPcieLinkGeneration, K_pcie_generation)
ANSWER_WORD(nvmlDeviceGetCurrPcieLinkWidth, K_pcie_width)
ANSWER_WORD(nvmlDeviceGetMaxPcieLinkGeneration, K_pcie_max_generation)
ANSWER_WORD(nvmlDeviceGetMaxPcieLinkWidth, K_pcie_max_width)

// Measures for 20 ms inside the call, which is why nobody should make it.
EXPORT int nvmlDeviceGetPcieThroughput(void *device, int counter, uint32_t *out) {
  double kilobytes;
  enum key key = counter == NVML_PCIE_UTIL_TX_BYTES ? K_pcie_tx_kilobytes_per_second : K_pcie_rx_kilobytes_per_second;
  int code = ask(F_nvmlDeviceGetPcieThroughput, device, out, key, &kilobytes);
  if (code == NVML_SUCCESS && counter != NVML_PCIE_UTIL_TX_BYTES && counter != NVML_PCIE_UTIL_RX_BYTES)
    code = NVML_ERROR_INVALID_ARGUMENT;
  if (code != NVML_SUCCESS) return code;
  wait_us(20000, 0);
  *out = word(kilobytes);
  return NVML_SUCCESS;
}

static int ask_link(enum function function, const void *device, const void *out, unsigned link,
                    struct subject *subject) {
  double links;
  int code = enter_device(function, device, subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(function);
  if (!scenario_value(*subject, K_nvlink_links, &links)) return NVML_ERROR_NOT_SUPPORTED;
  return link < links ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

EXPORT int nvmlDeviceGetNvLinkState(void *device, unsigned link, uint32_t *out) {
  struct subject subject;
  int code = ask_link(F_nvmlDeviceGetNvLinkState, device, out, link, &subject);
  if (code == NVML_SUCCESS) *out = link < scenario_number(subject, K_nvlink_active, 0);
  return code;
}

// The totals stand on the first link: the others have had no errors.
EXPORT int nvmlDeviceGetNvLinkErrorCounter(void *device, unsigned link, int counter, uint64_t *out) {
  static const enum key keys[] = {K_nvlink_replays, K_nvlink_recoveries, K_nvlink_crc_flit, K_nvlink_crc_data};
  struct subject subject;
  double errors;
  int code = ask_link(F_nvmlDeviceGetNvLinkErrorCounter, device, out, link, &subject);
  if (code == NVML_SUCCESS && (counter < 0 || counter > 3)) code = NVML_ERROR_INVALID_ARGUMENT;
  if (code != NVML_SUCCESS) return code;
  if (!scenario_value(subject, keys[counter], &errors)) return NVML_ERROR_NOT_SUPPORTED;
  *out = link == 0 ? long_word(errors) : 0;
  return NVML_SUCCESS;
}

// One buffer for both versions: they differ by what stands at the end.
EXPORT int nvmlDeviceGetGpuFabricInfoV(void *device, nvmlGpuFabricInfo_v3_t *out) {
  struct subject subject;
  double state;
  int code = enter_device(F_nvmlDeviceGetGpuFabricInfoV, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetGpuFabricInfoV);
  int third = BRANCH >= 580 && out->version == nvmlGpuFabricInfo_v3;
  if (!third)
    code = check_stamp(F_nvmlDeviceGetGpuFabricInfoV, out->version, nvmlGpuFabricInfo_v2, nvmlGpuFabricInfo_v3);
  if (code != NVML_SUCCESS) return code;
  if (!scenario_value(subject, K_fabric_state, &state)) return NVML_ERROR_NOT_SUPPORTED;
  memset(out->clusterUuid, 0xc1, sizeof out->clusterUuid);
  out->state = (uint8_t)state;
  out->status = (int32_t)scenario_number(subject, K_fabric_status, 0);
  out->cliqueId = word(scenario_number(subject, K_fabric_clique, 0));
  out->healthMask = word(scenario_number(subject, K_fabric_health_mask, 0));
  if (third) out->healthSummary = (uint8_t)scenario_number(subject, K_fabric_summary, 0);
  if (scenario_pattern()) fill_pattern(third ? "nvmlGpuFabricInfo_v3_t" : "nvmlGpuFabricInfo_v2_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetViolationStatus(void *device, int policy, nvmlViolationTime_t *out) {
  static const struct { int policy; enum key key; } keys[] = {
    {NVML_PERF_POLICY_POWER, K_throttle_ns_power}, {NVML_PERF_POLICY_THERMAL, K_throttle_ns_thermal},
    {NVML_PERF_POLICY_SYNC_BOOST, K_throttle_ns_sync_boost}, {NVML_PERF_POLICY_BOARD_LIMIT, K_throttle_ns_board_limit},
    {NVML_PERF_POLICY_LOW_UTILIZATION, K_throttle_ns_low_utilization},
    {NVML_PERF_POLICY_RELIABILITY, K_throttle_ns_reliability},
    {NVML_PERF_POLICY_TOTAL_APP_CLOCKS, K_throttle_ns_app_clocks},
    {NVML_PERF_POLICY_TOTAL_BASE_CLOCKS, K_throttle_ns_base_clocks},
  };
  int at = 0, count = (int)(sizeof keys / sizeof keys[0]);
  while (at < count && keys[at].policy != policy) at++;
  double ns;
  int code = ask(F_nvmlDeviceGetViolationStatus, device, out, keys[at == count ? 0 : at].key, &ns);
  if (code != NVML_SUCCESS) return code;
  if (at == count) return NVML_ERROR_INVALID_ARGUMENT;
  out->referenceTime = now_ns() / 1000;
  out->violationTime = long_word(ns);
  if (scenario_pattern()) fill_pattern("nvmlViolationTime_t", out);
  return NVML_SUCCESS;
}
