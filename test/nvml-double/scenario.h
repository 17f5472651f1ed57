// The scenario as it lies in memory, between the parser (parse.c) and the answers (scenario.c). Everything that a
// scenario owns hangs on its chunks and goes with it.

#ifndef NVML_DOUBLE_SCENARIO_H
#define NVML_DOUBLE_SCENARIO_H

#include <stdio.h>

#include "double.h"

#define ANY (-2)

enum shape { UNSET, CONSTANT, RAMP, RATE, SEQ, CYCLE };
struct value {
  enum shape shape;
  int count;
  unsigned next;
  double from, to, seconds;
  double *list;
};
enum rule_kind { RET, DELAY_US, BUSY_US, HANG };
struct rule {
  enum rule_kind kind;
  int function, gpu;
  long number, after, during, seen;
};
struct field_line {
  uint32_t id, scope, announced, filled;
  int any_scope, code;
  struct value value;
};
struct gpm_line {
  uint32_t id;
  int code;
  struct value value;
};
struct entity {
  char text[TEXT_COUNT][128];
  struct value values[KEY_COUNT];
  int fields, gpms, processes;
  struct field_line *field;
  struct gpm_line *gpm;
  struct process *process;
};
struct chunk {
  struct chunk *next;
};
struct scenario {
  char driver[80], nvml_version[80];
  int init_code, gpus, recheck_ms, unloaded, strict, pattern, reuse_mig_handles, throttle_fields, untouched_over;
  int cuda_version;
  // [gpu][0] is the GPU, [gpu][1 + n] its n-th MIG instance; null where the scenario has none.
  struct entity *entity[MAX_GPUS][1 + MAX_MIG];
  int rules, events, dropped;
  struct rule *rule;
  struct event *event;
  long *drop;
  struct chunk *chunks;
};

// The one in force. Read between acquire and release only; a static one never changes, so its readers need no lock.
extern struct scenario *scenario;
extern int is_static;
extern uint64_t started_ns;
extern unsigned mig_epochs[MAX_GPUS];
void scenario_lock(void);
void scenario_unlock(void);
static inline void acquire(void) {
  if (!is_static) scenario_lock();
}
static inline void release(void) {
  if (!is_static) scenario_unlock();
}

// Ends the process.
void die(const char *file, const char *problem);
void counters_map(const char *file);
void counters_add(enum function function, int gpu);
// A value as it was written, whoever has looked at it; -1 where there is none.
double first_number(const struct entity *entity, enum key key);

// Parses the file; ends the process at what it does not understand. `due_ns` of events is relative to the reading.
struct scenario *scenario_parse(FILE *file, const char *path);
void scenario_free(struct scenario *scenario);

#endif
