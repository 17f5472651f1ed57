// The batch call: many numbers by id, each entry with a code of its own. A number comes from the key that the getter
// of the same thing has, unless the scenario gives the entry itself.

#include "answers.h"
#include "ids.h"

#define U32 NVML_VALUE_TYPE_UNSIGNED_INT
#define U64 NVML_VALUE_TYPE_UNSIGNED_LONG_LONG
#define I32 NVML_VALUE_TYPE_SIGNED_INT

// BOARD: scope 0 only. LINKS: the number of a link, or all ones for the total. WRAPPED: scope 0, and 32 bits.
enum scope { BOARD, LINKS, WRAPPED };
struct row {
  uint32_t id, type;
  enum scope scope;
  enum key key;
};
static const struct row rows[] = {
  {NVML_FI_DEV_ECC_CURRENT, U32, BOARD, K_ecc_enabled},
  {NVML_FI_DEV_ECC_SBE_VOL_TOTAL, U64, BOARD, K_ecc_volatile_corrected},
  {NVML_FI_DEV_ECC_DBE_VOL_TOTAL, U64, BOARD, K_ecc_volatile_uncorrected},
  {NVML_FI_DEV_ECC_SBE_AGG_TOTAL, U64, BOARD, K_ecc_aggregate_corrected},
  {NVML_FI_DEV_ECC_DBE_AGG_TOTAL, U64, BOARD, K_ecc_aggregate_uncorrected},
  {NVML_FI_DEV_RETIRED_SBE, U64, BOARD, K_retired_pages_single_bit},
  {NVML_FI_DEV_RETIRED_DBE, U64, BOARD, K_retired_pages_double_bit},
  {NVML_FI_DEV_RETIRED_PENDING, U32, BOARD, K_retired_pages_pending},
  {NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL, U64, BOARD, K_nvlink_crc_flit},
  {NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL, U64, BOARD, K_nvlink_crc_data},
  {NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL, U64, BOARD, K_nvlink_replays},
  {NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL, U64, BOARD, K_nvlink_recoveries},
  {NVML_FI_DEV_PERF_POLICY_POWER, U64, BOARD, K_throttle_ns_power},
  {NVML_FI_DEV_PERF_POLICY_THERMAL, U64, BOARD, K_throttle_ns_thermal},
  {NVML_FI_DEV_PERF_POLICY_SYNC_BOOST, U64, BOARD, K_throttle_ns_sync_boost},
  {NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT, U64, BOARD, K_throttle_ns_board_limit},
  {NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION, U64, BOARD, K_throttle_ns_low_utilization},
  {NVML_FI_DEV_PERF_POLICY_RELIABILITY, U64, BOARD, K_throttle_ns_reliability},
  {NVML_FI_DEV_PERF_POLICY_TOTAL_APP_CLOCKS, U64, BOARD, K_throttle_ns_app_clocks},
  {NVML_FI_DEV_PERF_POLICY_TOTAL_BASE_CLOCKS, U64, BOARD, K_throttle_ns_base_clocks},
  {NVML_FI_DEV_MEMORY_TEMP, U32, BOARD, K_memory_temperature_c},
  {NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION, U64, BOARD, K_energy_mj},
  {NVML_FI_DEV_NVLINK_SPEED_MBPS_COMMON, U32, BOARD, K_nvlink_speed_mbps},
  {NVML_FI_DEV_NVLINK_LINK_COUNT, U32, BOARD, K_nvlink_links},
  {NVML_FI_DEV_PCIE_REPLAY_COUNTER, U32, BOARD, K_pcie_replays},
  {NVML_FI_DEV_PCIE_REPLAY_ROLLOVER_COUNTER, U32, BOARD, K_pcie_replay_rollovers},
  {NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, U64, LINKS, K_nvlink_tx_kib},
  {NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX, U64, LINKS, K_nvlink_rx_kib},
  {NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_TX, U64, LINKS, K_nvlink_raw_tx_kib},
  {NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_RX, U64, LINKS, K_nvlink_raw_rx_kib},
  {NVML_FI_DEV_REMAPPED_COR, U32, BOARD, K_remapped_rows_correctable},
  {NVML_FI_DEV_REMAPPED_UNC, U32, BOARD, K_remapped_rows_uncorrectable},
  {NVML_FI_DEV_REMAPPED_PENDING, U32, BOARD, K_remapped_rows_pending},
  {NVML_FI_DEV_REMAPPED_FAILURE, U32, BOARD, K_remapped_rows_failed},
  {NVML_FI_DEV_PCIE_COUNT_CORRECTABLE_ERRORS, U32, BOARD, K_pcie_correctable},
  {NVML_FI_DEV_PCIE_COUNT_NON_FATAL_ERROR, U32, BOARD, K_pcie_non_fatal},
  {NVML_FI_DEV_PCIE_COUNT_FATAL_ERROR, U32, BOARD, K_pcie_fatal},
  {NVML_FI_DEV_POWER_AVERAGE, U32, BOARD, K_power_mw},
  {NVML_FI_DEV_POWER_INSTANT, U32, BOARD, K_power_instant_mw},
  {NVML_FI_DEV_POWER_MIN_LIMIT, U32, BOARD, K_power_min_limit_mw},
  {NVML_FI_DEV_POWER_MAX_LIMIT, U32, BOARD, K_power_max_limit_mw},
  {NVML_FI_DEV_POWER_DEFAULT_LIMIT, U32, BOARD, K_power_default_limit_mw},
  {NVML_FI_DEV_POWER_CURRENT_LIMIT, U32, BOARD, K_power_limit_mw},
  {NVML_FI_DEV_POWER_REQUESTED_LIMIT, U32, BOARD, K_power_limit_mw},
  {NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT, I32, BOARD, K_limit_offsets_shutdown_c},
  {NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT, I32, BOARD, K_limit_offsets_slowdown_c},
  {NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT, I32, BOARD, K_limit_offsets_memory_max_c},
  {NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT, I32, BOARD, K_limit_offsets_gpu_max_c},
  {NVML_FI_DEV_PCIE_COUNT_TX_BYTES, U32, WRAPPED, K_pcie_tx_bytes},
  {NVML_FI_DEV_PCIE_COUNT_RX_BYTES, U32, WRAPPED, K_pcie_rx_bytes},
  {NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, U32, BOARD, K_recovery_action},
};

#define MAX_ROWS 256
static const struct row *by_id[MAX_ROWS];

__attribute__((constructor)) static void sort_rows(void) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) by_id[rows[i].id] = &rows[i];
}

// The highest id that a header of the branch knows; what is beyond is refused and not merely unsupported.
static uint32_t last_id(void) {
  return BRANCH >= 575 ? 288 : BRANCH >= 570 ? 268 : BRANCH >= 535 ? 197 : BRANCH >= 520 ? 170 : 161;
}

static void put(nvmlFieldValue_t *entry, uint32_t announced, uint32_t filled, double value) {
  entry->valueType = (int32_t)announced;
  entry->value.ullVal = 0;
  switch (filled) {
    case NVML_VALUE_TYPE_DOUBLE: entry->value.dVal = value; break;
    case NVML_VALUE_TYPE_UNSIGNED_INT: entry->value.uiVal = word(value); break;
    case NVML_VALUE_TYPE_SIGNED_LONG_LONG: entry->value.sllVal = (int64_t)value; break;
    case NVML_VALUE_TYPE_SIGNED_INT: entry->value.siVal = (int32_t)value; break;
    case NVML_VALUE_TYPE_UNSIGNED_SHORT: entry->value.usVal = value < 0 ? UINT16_MAX : (uint16_t)value; break;
    default: entry->value.ullVal = long_word(value);
  }
}

static int is_link(struct subject subject, uint32_t scope, double *links) {
  return scenario_value(subject, K_nvlink_links, links) && scope < *links;
}

// One link's share of a total that is spread evenly; the first has what is left over.
static double share(double total, double links, uint32_t link) {
  double each = (double)(uint64_t)(total / links);
  return link == 0 ? total - each * (links - 1) : each;
}

// NVLink 5 counts bytes by link and no longer kibibytes for all.
static int is_nvlink5(struct subject subject) {
  return scenario_number(subject, K_nvlink_version, 0) >= 5;
}

static int is_by_link(uint32_t id) {
  return (id >= NVML_FI_DEV_NVLINK_GET_SPEED && id <= NVML_FI_DEV_NVLINK_GET_POWER_STATE) ||
         (id >= NVML_FI_DEV_NVLINK_COUNT_XMIT_PACKETS && id <= NVML_FI_DEV_NVLINK_COUNT_SYMBOL_BER);
}

static int per_link(struct subject subject, nvmlFieldValue_t *entry) {
  double links, value;
  int sent = entry->fieldId == NVML_FI_DEV_NVLINK_COUNT_XMIT_BYTES;
  int bytes = sent || entry->fieldId == NVML_FI_DEV_NVLINK_COUNT_RCV_BYTES;
  if (!is_link(subject, entry->scopeId, &links)) return NVML_ERROR_INVALID_ARGUMENT;
  switch (entry->fieldId) {
    case NVML_FI_DEV_NVLINK_GET_SPEED: value = scenario_number(subject, K_nvlink_speed_mbps, 0) / links; break;
    case NVML_FI_DEV_NVLINK_GET_STATE: value = entry->scopeId < scenario_number(subject, K_nvlink_active, 0); break;
    case NVML_FI_DEV_NVLINK_GET_VERSION: value = scenario_number(subject, K_nvlink_version, 0); break;
    default:
      if (!bytes || !is_nvlink5(subject)) return NVML_ERROR_NOT_SUPPORTED;
      if (!scenario_value(subject, sent ? K_nvlink_tx_kib : K_nvlink_rx_kib, &value)) return NVML_ERROR_NOT_SUPPORTED;
      value = share(value, links, entry->scopeId) * 1024;
  }
  put(entry, bytes ? U64 : U32, bytes ? U64 : U32, value);
  return NVML_SUCCESS;
}

static int by_row(struct subject subject, const struct row *row, nvmlFieldValue_t *entry) {
  double value, links;
  if (row->scope == LINKS) {
    if (is_nvlink5(subject) || !scenario_value(subject, row->key, &value)) return NVML_ERROR_NOT_SUPPORTED;
    if (entry->scopeId != ALL_ONES) {
      if (!is_link(subject, entry->scopeId, &links)) return NVML_ERROR_INVALID_ARGUMENT;
      value = share(value, links, entry->scopeId);
    }
  } else {
    if (entry->scopeId != 0) return NVML_ERROR_NOT_SUPPORTED;
    if (!scenario_value(subject, row->key, &value)) return NVML_ERROR_NOT_SUPPORTED;
    if (row->scope == WRAPPED && value >= 0) value = (double)(uint32_t)(uint64_t)value;
  }
  put(entry, row->type, row->type, value);
  return NVML_SUCCESS;
}

static int throttle_time(struct subject subject, uint32_t which, nvmlFieldValue_t *entry) {
  static const enum key keys[] = {K_throttle_ns_sw_thermal, K_throttle_ns_hw_thermal, K_throttle_ns_hw_power_brake};
  double value;
  if (entry->scopeId != 0 || !scenario_value(subject, keys[which], &value)) return NVML_ERROR_NOT_SUPPORTED;
  put(entry, U64, U64, value);
  return NVML_SUCCESS;
}

static int answer(struct subject subject, nvmlFieldValue_t *entry) {
  struct field given;
  uint32_t throttle = (uint32_t)scenario_throttle_fields();
  entry->valueType = U32;
  entry->value.ullVal = 0;
  if (scenario_field(subject, entry->fieldId, entry->scopeId, &given)) {
    put(entry, given.announced, given.filled, given.value);
    return given.code;
  }
  if (entry->fieldId > last_id()) return NVML_ERROR_INVALID_ARGUMENT;
  if (throttle != 0 && entry->fieldId >= throttle && entry->fieldId < throttle + 3)
    return throttle_time(subject, entry->fieldId - throttle, entry);
  if (is_by_link(entry->fieldId)) return per_link(subject, entry);
  const struct row *row = entry->fieldId < MAX_ROWS ? by_id[entry->fieldId] : NULL;
  return row == NULL ? NVML_ERROR_NOT_SUPPORTED : by_row(subject, row, entry);
}

// Seen on a real driver: in a large batch, whole groups of entries come back as the caller left them.
static int is_left_out(uint32_t id) {
  return (id >= 187 && id <= 196) || (id >= 251 && id <= 288);
}

EXPORT int nvmlDeviceGetFieldValues(void *device, int count, nvmlFieldValue_t *entries) {
  struct subject subject;
  int code = enter_device(F_nvmlDeviceGetFieldValues, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (entries == NULL) return null_pointer(F_nvmlDeviceGetFieldValues);
  if (count <= 0) return NVML_ERROR_INVALID_ARGUMENT;
  int first = NVML_SUCCESS, answered = 0, limit = scenario_untouched_over(), large = limit >= 0 && count > limit;
  int64_t now = (int64_t)epoch_us();
  for (int i = 0; i < count; i++) {
    if (large && is_left_out(entries[i].fieldId)) continue;
    entries[i].timestamp = now;
    entries[i].latencyUsec = 1;
    entries[i].nvmlReturn = answer(subject, &entries[i]);
    if (entries[i].nvmlReturn == NVML_SUCCESS) answered++;
    else if (first == NVML_SUCCESS) first = entries[i].nvmlReturn;
    if (scenario_pattern()) fill_pattern("nvmlFieldValue_t", &entries[i]);
  }
  return answered > 0 ? NVML_SUCCESS : first;
}
