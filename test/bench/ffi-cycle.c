// The yardstick of the `ffi` bench: the same calls as one cycle of the agent, in the same order, on the same
// library, from C. It stores what it reads, as the agent does, so that neither side skips the decoding.

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct reading {
  double utilization, memory_used, temperature, power;
};
struct memory {
  uint32_t version;
  uint64_t total, reserved, free, used;
};

static int (*get_utilization)(void *, uint32_t *);
static int (*get_memory)(void *, struct memory *);
static int (*get_temperature)(void *, uint32_t *);
static int (*get_power)(void *, uint32_t *);
static void *devices[16];
static struct reading readings[16];
static unsigned gpus;

static void *look_up(void *library, const char *name) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    abort();
  }
  return symbol;
}

// Opens the library a second time, which is the same instance to the loader. Returns the number of GPUs.
int ffi_open(const char *path) {
  void *library = dlopen(path, RTLD_LAZY);
  if (library == NULL) return -1;
  int (*init)(void) = (int (*)(void))look_up(library, "nvmlInit_v2");
  int (*count)(unsigned *) = (int (*)(unsigned *))look_up(library, "nvmlDeviceGetCount_v2");
  int (*handle)(unsigned, void **) = (int (*)(unsigned, void **))look_up(library, "nvmlDeviceGetHandleByIndex_v2");
  get_utilization = (int (*)(void *, uint32_t *))look_up(library, "nvmlDeviceGetUtilizationRates");
  get_memory = (int (*)(void *, struct memory *))look_up(library, "nvmlDeviceGetMemoryInfo_v2");
  get_temperature = (int (*)(void *, uint32_t *))look_up(library, "nvmlDeviceGetTemperatureV");
  get_power = (int (*)(void *, uint32_t *))look_up(library, "nvmlDeviceGetPowerUsage");
  if (init() != 0 || count(&gpus) != 0 || gpus > 16) return -1;
  for (unsigned gpu = 0; gpu < gpus; gpu++)
    if (handle(gpu, &devices[gpu]) != 0) return -1;
  return (int)gpus;
}

static int cycle(void) {
  int failures = 0;
  for (unsigned gpu = 0; gpu < gpus; gpu++) {
    uint32_t utilization[2], power, temperature[3] = {0x0100000c, 0, 0};
    struct memory memory = {.version = 0x02000028};
    failures += get_utilization(devices[gpu], utilization) != 0;
    failures += get_memory(devices[gpu], &memory) != 0;
    failures += get_temperature(devices[gpu], temperature) != 0;
    failures += get_power(devices[gpu], &power) != 0;
    readings[gpu] = (struct reading){utilization[0] / 100.0, (double)memory.used, (double)(int32_t)temperature[2],
                                     power / 1000.0};
  }
  return failures;
}

// Nanoseconds of `cycles` cycles; negative when a call failed.
double ffi_cycles(int cycles) {
  struct timespec from, to;
  int failures = 0;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < cycles; i++) failures += cycle();
  clock_gettime(CLOCK_MONOTONIC, &to);
  return failures != 0 ? -1 : (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}
