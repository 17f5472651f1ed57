// The yardstick of the `ffi` bench: the same calls as one cycle of the agent, in the same order, on the same library,
// from C. It stores what it reads, as the agent does, so that neither side skips the decoding. The slow group can be
// part of a cycle; without it a cycle is the fast group alone.

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST_FIELDS 64
#define MOST_GPUS 16

struct memory {
  uint32_t version;
  uint64_t total, reserved, free, used;
};
struct field {
  uint32_t id, scope;
  int64_t timestamp, latency;
  int32_t type, code;
  union {
    uint32_t u32;
    uint64_t u64;
    double f64;
  } value;
};
struct reading {
  double utilization, memory_interface, used, free, reserved, temperature, power, sm_clock, memory_clock, encoder,
      decoder, fields[MOST_FIELDS];
  uint64_t reasons;
};

typedef int get_t(void *, void *);
typedef int select_t(void *, int, void *);
typedef int pair_t(void *, uint32_t *, uint32_t *);

typedef int list_t(void *, uint32_t *, void *);

// The calls of the slow group, by the parameters behind the device: one buffer, two words, a number and a buffer, or a
// count and a list.
enum form { GET, PAIR, SELECT, LIST };
static struct slow {
  const char *name;
  enum form form;
  uint32_t stamp;
  int selector;
  void *symbol;
  int refused;
} slow[] = {
    {"nvmlDeviceGetEnforcedPowerLimit", GET, 0, 0, NULL, 0},
    {"nvmlDeviceGetClockInfo", SELECT, 0, 3, NULL, 0},
    {"nvmlDeviceGetPerformanceState", GET, 0, 0, NULL, 0},
    {"nvmlDeviceGetMarginTemperature", GET, 0x01000008, 0, NULL, 0},
    {"nvmlDeviceGetJpgUtilization", PAIR, 0, 0, NULL, 0},
    {"nvmlDeviceGetOfaUtilization", PAIR, 0, 0, NULL, 0},
    {"nvmlDeviceGetSramEccErrorStatus", GET, 0x01000068, 0, NULL, 0},
    {"nvmlDeviceGetRowRemapperHistogram", GET, 0, 0, NULL, 0},
    {"nvmlDeviceGetCurrPcieLinkGeneration", GET, 0, 0, NULL, 0},
    {"nvmlDeviceGetCurrPcieLinkWidth", GET, 0, 0, NULL, 0},
    {"nvmlDeviceGetGpuFabricInfoV", GET, 0x03000028, 0, NULL, 0},
    {"nvmlDeviceGetMPSComputeRunningProcesses_v3", LIST, 0, 0, NULL, 0},
    {"nvmlDeviceGetComputeRunningProcesses_v3", LIST, 0, 0, NULL, 0},
    {"nvmlDeviceGetGraphicsRunningProcesses_v3", LIST, 0, 0, NULL, 0},
    {"nvmlDeviceGetMigMode", PAIR, 0, 0, NULL, 0},
};
#define SLOW_CALLS (sizeof slow / sizeof slow[0])
#define PROCESSES 64
static uint32_t buffer[PROCESSES * 8];
static struct field slow_fields[MOST_FIELDS];
static unsigned slow_count;
static int with_slow;

static get_t *get_utilization, *get_memory, *get_temperature, *get_power, *get_reasons;
static select_t *get_clock, *get_fields;
static pair_t *get_encoder, *get_decoder;
static void *devices[MOST_GPUS];
static struct reading readings[MOST_GPUS];
static struct field fields[MOST_FIELDS];
static unsigned gpus, field_count;
// A call that the first GPU refuses is not made again, as the agent does not make it again.
static int refused[10];

static void *look_up(void *library, const char *name) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    abort();
  }
  return symbol;
}

// Opens the library a second time, which is the same instance to the loader. At most `most` GPUs are read; `ids` are
// the fields that the agent reads. Returns the number of GPUs.
int ffi_open(const char *path, int most, int count, const uint32_t *ids) {
  void *library = dlopen(path, RTLD_LAZY);
  if (library == NULL || count > MOST_FIELDS) return -1;
  int (*init)(void) = (int (*)(void))look_up(library, "nvmlInit_v2");
  int (*get_count)(unsigned *) = (int (*)(unsigned *))look_up(library, "nvmlDeviceGetCount_v2");
  int (*handle)(unsigned, void **) = (int (*)(unsigned, void **))look_up(library, "nvmlDeviceGetHandleByIndex_v2");
  get_utilization = (get_t *)look_up(library, "nvmlDeviceGetUtilizationRates");
  get_memory = (get_t *)look_up(library, "nvmlDeviceGetMemoryInfo_v2");
  get_temperature = (get_t *)look_up(library, "nvmlDeviceGetTemperatureV");
  get_power = (get_t *)look_up(library, "nvmlDeviceGetPowerUsage");
  get_clock = (select_t *)look_up(library, "nvmlDeviceGetClockInfo");
  get_reasons = (get_t *)look_up(library, "nvmlDeviceGetCurrentClocksEventReasons");
  get_encoder = (pair_t *)look_up(library, "nvmlDeviceGetEncoderUtilization");
  get_decoder = (pair_t *)look_up(library, "nvmlDeviceGetDecoderUtilization");
  get_fields = (select_t *)look_up(library, "nvmlDeviceGetFieldValues");
  if (init() != 0 || get_count(&gpus) != 0) return -1;
  if (gpus > (unsigned)most) gpus = (unsigned)most;
  if (gpus > MOST_GPUS) return -1;
  field_count = (unsigned)count;
  for (unsigned at = 0; at < field_count; at++) fields[at] = (struct field){.id = ids[at]};
  for (unsigned gpu = 0; gpu < gpus; gpu++)
    if (handle(gpu, &devices[gpu]) != 0) return -1;
  return (int)gpus;
}

// From now on the slow group is part of each cycle. Returns how many of its calls the library has.
int ffi_open_slow(const char *path, int count, const uint32_t *ids) {
  void *library = dlopen(path, RTLD_LAZY);
  int found = 0;
  if (library == NULL || count > MOST_FIELDS) return -1;
  for (unsigned call = 0; call < SLOW_CALLS; call++) {
    slow[call].symbol = dlsym(library, slow[call].name);
    slow[call].refused = slow[call].symbol == NULL;
    found += slow[call].symbol != NULL;
  }
  slow_count = (unsigned)count;
  for (unsigned at = 0; at < slow_count; at++) slow_fields[at] = (struct field){.id = ids[at]};
  with_slow = 1;
  return found;
}

static double value_of(const struct field *field) {
  switch (field->type) {
    case 0:
      return field->value.f64;
    case 1:
      return field->value.u32;
    default:
      return (double)field->value.u64;
  }
}

#define ASK(call, asked) (refused[call] ? 0 : note(call, asked))

static int learning;

static int note(int call, int code) {
  if (learning) refused[call] = code != 0;
  return code != 0;
}

static double slow_values[SLOW_CALLS + MOST_FIELDS];

static int slow_group(void *device) {
  int failures = 0;
  for (unsigned call = 0; call < SLOW_CALLS; call++) {
    struct slow *one = &slow[call];
    uint32_t words[32] = {one->stamp}, count = PROCESSES;
    if (one->refused) continue;
    int code = 0;
    if (one->form == GET) code = ((get_t *)one->symbol)(device, words);
    if (one->form == PAIR) code = ((pair_t *)one->symbol)(device, &words[0], &words[1]);
    if (one->form == SELECT) code = ((select_t *)one->symbol)(device, one->selector, words);
    if (one->form == LIST) code = ((list_t *)one->symbol)(device, &count, buffer);
    if (learning) one->refused = code != 0;
    failures += code != 0;
    slow_values[call] = words[one->stamp == 0 ? 0 : 1];
  }
  for (unsigned at = 0; at < slow_count; at++) slow_fields[at].code = -1;
  if (slow_count > 0) failures += get_fields(device, (int)slow_count, slow_fields) != 0;
  for (unsigned at = 0; at < slow_count; at++) slow_values[SLOW_CALLS + at] = value_of(&slow_fields[at]);
  return failures;
}

static int cycle(void) {
  int failures = 0;
  for (unsigned gpu = 0; gpu < gpus; gpu++) {
    void *device = devices[gpu];
    struct reading *to = &readings[gpu];
    uint32_t utilization[2] = {0}, power = 0, clock[2] = {0}, encoder[2] = {0}, decoder[2] = {0};
    uint32_t temperature[3] = {0x0100000c, 0, 0};
    struct memory memory = {.version = 0x02000028};
    failures += ASK(0, get_utilization(device, utilization));
    failures += ASK(1, get_memory(device, &memory));
    failures += ASK(2, get_temperature(device, temperature));
    failures += ASK(3, get_power(device, &power));
    failures += ASK(4, get_clock(device, 1, &clock[0]));
    failures += ASK(5, get_clock(device, 2, &clock[1]));
    failures += ASK(6, get_reasons(device, &to->reasons));
    failures += ASK(7, get_encoder(device, &encoder[0], &encoder[1]));
    failures += ASK(8, get_decoder(device, &decoder[0], &decoder[1]));
    for (unsigned at = 0; at < field_count; at++) fields[at].code = -1;
    if (field_count > 0) failures += ASK(9, get_fields(device, (int)field_count, fields));
    to->utilization = utilization[0] / 100.0;
    to->memory_interface = utilization[1] / 100.0;
    to->used = (double)memory.used;
    to->free = (double)memory.free;
    to->reserved = (double)memory.reserved;
    to->temperature = (double)(int32_t)temperature[2];
    to->power = power / 1000.0;
    to->sm_clock = clock[0] * 1e6;
    to->memory_clock = clock[1] * 1e6;
    to->encoder = encoder[0] / 100.0;
    to->decoder = decoder[0] / 100.0;
    for (unsigned at = 0; at < field_count; at++) to->fields[at] = value_of(&fields[at]);
    if (with_slow) failures += slow_group(device);
  }
  return failures;
}

// The calls of one cycle that the first GPU answers.
int ffi_learn(void) {
  int answered = 0;
  unsigned all = gpus;
  gpus = 1;
  learning = 1;
  cycle();
  learning = 0;
  gpus = all;
  for (int call = 0; call < 10; call++) answered += !refused[call] && (call < 9 || field_count > 0);
  return answered;
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
