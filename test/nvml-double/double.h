// What the files of the double share: how a call is entered, and the questions that the exported functions ask of
// the scenario. The library's own layouts and numbers are in abi.h.

#ifndef NVML_DOUBLE_H
#define NVML_DOUBLE_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#ifndef BRANCH
#define BRANCH 580
#endif
#define EXPORT __attribute__((visibility("default")))

#define MAX_GPUS 16
#define MAX_MIG 8
#define NO_GPU (-1)
#define ALL_ONES UINT32_MAX

enum function {
#define FUNCTION(name, branch) F_##name,
#include "functions.def"
#undef FUNCTION
  FUNCTION_COUNT
};
// The exported names, in the order of enum function.
extern const char *const function_names[FUNCTION_COUNT];

enum key {
#define KEY(word) K_##word,
#include "keys.def"
#undef KEY
  KEY_COUNT
};
enum text { NAME, UUID, BUS_ID, SERIAL, VBIOS, PART_NUMBER, PROFILE_NAME, TEXT_COUNT };

// What a call is about: a GPU, or one MIG instance of it (`mig` from 0; NO_MIG is the GPU itself).
#define NO_MIG (-1)
struct subject {
  int gpu, mig;
};

// --- enter.c: each call begins with one of these, which count it, wait as the scenario says and answer its code.
int enter_system(enum function function);
// For calls that find a GPU by something else than a handle.
int enter_for(enum function function, int gpu);
int enter_device(enum function function, const void *handle, struct subject *out);
// For calls on a GPU only: a MIG handle is refused.
int enter_gpu(enum function function, const void *handle, struct subject *out);
int still_initialized(void);
// The driver went away under its users.
void driver_unloaded(void);
void *gpu_handle(int gpu);
void *mig_handle(int gpu, int mig);
// Ends the process in strict mode: the caller broke a rule of the library. Otherwise answers `code`.
int breach(enum function function, int code, const char *rule);
int null_pointer(enum function function);
// A first word that is this stamp passes; 0 or another version of the library's is refused, as the library does.
int check_stamp(enum function function, uint32_t given, uint32_t wanted, uint32_t also_known);
int copy_text(enum function function, const char *text, char *out, unsigned size, unsigned smallest);

// --- rules.c
// Counts the call, waits as the scenario says (delay, busy, hang) and answers the code that it prescribes.
int scenario_enter(enum function function, int gpu);
// --- lookup.c
// What nvmlInit_v2 answers now.
int scenario_init_code(void);
int scenario_gpus(void);
int scenario_strict(void);
int scenario_pattern(void);
// 251 or 269, where the throttle times begin, or 0 when this branch has none; scenarios may say otherwise.
int scenario_throttle_fields(void);
int scenario_untouched_over(void);
int scenario_cuda_version(void);
void scenario_driver(char *out, size_t size);
void scenario_nvml_version(char *out, size_t size);
void scenario_text(struct subject subject, enum text text, char *out, size_t size);
// 0 when the scenario gives this subject no such value: the double then says NOT_SUPPORTED.
int scenario_value(struct subject subject, enum key key, double *out);
double scenario_number(struct subject subject, enum key key, double otherwise);
// Why a GPU cannot be asked anything: there is no such GPU, or it is lost.
int scenario_gpu_code(int gpu);
int scenario_lost(int gpu);
int scenario_mig_on(int gpu);
// The instance in this slot or with this GPU instance id, or NO_MIG.
int scenario_mig_in_slot(int gpu, int slot);
int scenario_mig_with_gi(int gpu, uint32_t gi);
int scenario_has_mig(int gpu, int mig);
// Grows with each change of the instances, unless their handles are to be used again.
unsigned scenario_mig_epoch(int gpu);

struct field {
  int known, code;
  uint32_t announced, filled;
  double value;
};
// An entry of the batch call that the scenario gives by its id.
int scenario_field(struct subject subject, uint32_t id, uint32_t scope, struct field *out);

enum process_kind { COMPUTE, GRAPHICS, MPS, ALL_KINDS };
struct process {
  uint32_t pid, gi, ci, sm, memory, encoder, decoder;
  enum process_kind kind;
  double memory_mib;
};
// Up to `room` processes of this kind; answers how many there are.
int scenario_processes(struct subject subject, enum process_kind kind, struct process *out, int room);

int scenario_has_gpm(struct subject subject);
// 0 when there is no such metric; else its value, or `code` when that is not 0.
int scenario_gpm(struct subject subject, uint32_t metric, double *value, int *code);

// --- events.c, called with the scenario's lock held.
struct event {
  uint64_t due_ns;
  int gpu, fired;
  uint64_t type, data;
  uint32_t gi, ci;
};
void events_put(const struct event *event);
// The last user has shut down: what the library held for him is gone (events.c, gpm.c).
void forget_sets(void);
void forget_samples(void);
// --- scenario.c: hands events that are due to events_put, in their order.
void scenario_pump(void);
// How long nothing can happen that the scenario does not say already; with the lock held.
uint64_t scenario_quiet_ns(void);
// Run `work` with the scenario's lock held, which the lists of events share.
void scenario_locked(void (*work)(void *), void *argument);

// --- pattern.c: fills a struct with numbers that follow from the names of its members, except its version.
void fill_pattern(const char *type, void *out);

// Monotonic; the clock on the wall, which the library stamps its numbers with.
uint64_t now_ns(void);
uint64_t epoch_us(void);
void wait_us(long sleep_us, long busy_us);
// Below 0 is how the library says "not available" inside a successful answer: all ones.
static inline uint32_t word(double value) {
  return value < 0 ? UINT32_MAX : (uint32_t)(uint64_t)value;
}
static inline uint64_t long_word(double value) {
  return value < 0 ? UINT64_MAX : (uint64_t)value;
}
static inline uint64_t mib(double value) {
  return value < 0 ? UINT64_MAX : (uint64_t)(value * 1048576.0);
}

#endif
