// What the two halves of the double share: the binary layouts of the library it stands in for, written from
// their published sizes and offsets, and the questions that nvml.c asks of scenario.c. The static assertions
// keep a slip in a layout from passing as a feature of the double.

#ifndef NVML_DOUBLE_H
#define NVML_DOUBLE_H

#include <stddef.h>
#include <stdint.h>

#define MAX_GPUS 16
#define NO_GPU (-1)

enum code {
  SUCCESS = 0,
  UNINITIALIZED = 1,
  INVALID_ARGUMENT = 2,
  NOT_SUPPORTED = 3,
  NOT_FOUND = 6,
  INSUFFICIENT_SIZE = 7,
  GPU_IS_LOST = 15,
  ARGUMENT_VERSION_MISMATCH = 25,
  GPU_NOT_FOUND = 28,
};

enum function {
#define FUNCTION(name, branch) F_##name,
#include "functions.def"
#undef FUNCTION
  FUNCTION_COUNT
};

struct utilization {
  uint32_t gpu, memory;
};
struct memory_v1 {
  uint64_t total, free, used;
};
struct memory_v2 {
  uint32_t version;
  uint64_t total, reserved, free, used;
};
struct temperature {
  uint32_t version, sensor;
  int32_t celsius;
};
struct pci_info {
  char bus_id_legacy[16];
  uint32_t domain, bus, device, pci_device_id, pci_subsystem_id;
  char bus_id[32];
};

_Static_assert(sizeof(struct utilization) == 8, "utilization");
_Static_assert(sizeof(struct memory_v1) == 24, "memory v1");
_Static_assert(sizeof(struct memory_v2) == 40 && offsetof(struct memory_v2, used) == 32, "memory v2");
_Static_assert(sizeof(struct temperature) == 12, "temperature");
_Static_assert(sizeof(struct pci_info) == 68 && offsetof(struct pci_info, bus_id) == 36, "pci info");

// A versioned struct carries its own size and version in its first word.
#define STAMP(type, version) ((uint32_t)(sizeof(type) | ((version) << 24)))

enum field { UTIL, MEMORY_UTIL, MEMORY_USED_MIB, MEMORY_TOTAL_MIB, MEMORY_RESERVED_MIB, TEMPERATURE_C, POWER_MW, FIELD_COUNT };
enum text { NAME, UUID, BUS_ID, TEXT_COUNT };

// The exported names, in the order of enum function.
extern const char *const function_names[FUNCTION_COUNT];

// Counts the call, waits as the scenario says (delay, busy, hang) and answers the code it prescribes.
int scenario_enter(enum function function, int gpu);
// What nvmlInit_v2 answers now.
int scenario_init_code(void);
int scenario_gpus(void);
int scenario_lost(int gpu);
void scenario_driver(char *out, size_t size);
void scenario_text(int gpu, enum text text, char *out, size_t size);
// 0 when the scenario gives this GPU no such value: the double then says NOT_SUPPORTED.
int scenario_value(int gpu, enum field field, double *out);

#endif
