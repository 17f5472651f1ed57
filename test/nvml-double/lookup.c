// What the scenario has to say about a GPU or a MIG instance at this moment.

#include "scenario.h"

static double number(struct value *value) {
  double elapsed, turns;
  unsigned at, count;
  switch (value->shape) {
    case RAMP:
      turns = (double)(now_ns() - started_ns) / 1e9 / value->seconds;
      return value->from + (value->to - value->from) * (turns - (double)(uint64_t)turns);
    case RATE:
      elapsed = (double)(now_ns() - started_ns) / 1e9;
      return value->from + value->to * elapsed;
    case SEQ:
    case CYCLE:
      at = value->next++;
      count = (unsigned)value->count;
      return value->list[value->shape == CYCLE ? at % count : at < count ? at : count - 1];
    default:
      return value->from;
  }
}

// Where a value does not change by being looked at, for what compares two scenarios.
double first_number(const struct entity *entity, enum key key) {
  const struct value *value = &entity->values[key];
  return value->shape == UNSET ? -1 : value->list != NULL ? value->list[0] : value->from;
}

int scenario_init_code(void) {
  acquire();
  int code = scenario->unloaded ? NVML_ERROR_DRIVER_NOT_LOADED : scenario->init_code;
  release();
  return code;
}

#define PLAIN_ANSWER(name, member) \
  int scenario_##name(void) { \
    acquire(); \
    int answer = scenario->member; \
    release(); \
    return answer; \
  }
PLAIN_ANSWER(gpus, gpus)
PLAIN_ANSWER(strict, strict)
PLAIN_ANSWER(pattern, pattern)
PLAIN_ANSWER(throttle_fields, throttle_fields)
PLAIN_ANSWER(untouched_over, untouched_over)
PLAIN_ANSWER(cuda_version, cuda_version)

void scenario_driver(char *out, size_t size) {
  acquire();
  snprintf(out, size, "%s", scenario->driver);
  release();
}

void scenario_nvml_version(char *out, size_t size) {
  acquire();
  snprintf(out, size, "%s", scenario->nvml_version);
  release();
}

static struct entity *entity_of(struct subject subject) {
  return subject.gpu < 0 ? NULL : scenario->entity[subject.gpu][1 + subject.mig];
}

void scenario_text(struct subject subject, enum text text, char *out, size_t size) {
  acquire();
  struct entity *entity = entity_of(subject);
  snprintf(out, size, "%s", entity == NULL ? "" : entity->text[text]);
  release();
}

int scenario_value(struct subject subject, enum key key, double *out) {
  int found = 0;
  acquire();
  struct entity *entity = entity_of(subject);
  struct value *value = entity == NULL ? NULL : &entity->values[key];
  if (value != NULL && value->shape != UNSET) {
    // By far the most frequent, and what benches measure.
    *out = value->shape == CONSTANT ? value->from : number(value);
    found = 1;
  }
  release();
  return found;
}

double scenario_number(struct subject subject, enum key key, double otherwise) {
  double value;
  return scenario_value(subject, key, &value) ? value : otherwise;
}

int scenario_lost(int gpu) {
  return scenario_number((struct subject){gpu, NO_MIG}, K_lost, 0) != 0;
}

int scenario_gpu_code(int gpu) {
  int code = NVML_SUCCESS;
  acquire();
  struct entity *entity = gpu < scenario->gpus ? scenario->entity[gpu][0] : NULL;
  if (entity == NULL) code = NVML_ERROR_INVALID_ARGUMENT;
  else if (entity->values[K_lost].shape != UNSET && number(&entity->values[K_lost]) != 0) code = NVML_ERROR_GPU_IS_LOST;
  release();
  return code;
}

int scenario_mig_on(int gpu) {
  return scenario_number((struct subject){gpu, NO_MIG}, K_mig_mode, 0) == 1;
}

int scenario_has_mig(int gpu, int mig) {
  acquire();
  int has = entity_of((struct subject){gpu, mig}) != NULL;
  release();
  return has;
}

static int mig_with(int gpu, enum key key, int by_place, double wanted) {
  int found = NO_MIG;
  acquire();
  for (int mig = 0; mig < MAX_MIG && found == NO_MIG; mig++) {
    struct entity *entity = entity_of((struct subject){gpu, mig});
    if (entity == NULL) continue;
    double has = entity->values[key].shape == UNSET && by_place ? mig : first_number(entity, key);
    if (has == wanted) found = mig;
  }
  release();
  return found;
}

int scenario_mig_in_slot(int gpu, int slot) {
  return mig_with(gpu, K_slot, 1, slot);
}

int scenario_mig_with_gi(int gpu, uint32_t gi) {
  return mig_with(gpu, K_gi, 0, gi);
}

unsigned scenario_mig_epoch(int gpu) {
  acquire();
  unsigned epoch = mig_epochs[gpu];
  release();
  return epoch;
}

int scenario_field(struct subject subject, uint32_t id, uint32_t scope, struct field *out) {
  int found = 0;
  acquire();
  struct entity *entity = entity_of(subject);
  for (int i = 0; entity != NULL && i < entity->fields && !found; i++) {
    struct field_line *line = &entity->field[i];
    if (line->id != id || (!line->any_scope && line->scope != scope)) continue;
    *out = (struct field){1, line->code, line->announced, line->filled, number(&line->value)};
    found = 1;
  }
  release();
  return found;
}

int scenario_has_gpm(struct subject subject) {
  acquire();
  struct entity *entity = entity_of(subject);
  int has = entity != NULL && entity->gpms > 0;
  release();
  return has;
}

int scenario_gpm(struct subject subject, uint32_t metric, double *value, int *code) {
  int found = 0;
  acquire();
  struct entity *entity = entity_of(subject);
  for (int i = 0; entity != NULL && i < entity->gpms && !found; i++) {
    if (entity->gpm[i].id != metric) continue;
    *code = entity->gpm[i].code;
    *value = number(&entity->gpm[i].value);
    found = 1;
  }
  release();
  return found;
}

// Those of the subject; the list of a whole GPU has those of its MIG instances too.
int scenario_processes(struct subject subject, enum process_kind kind, struct process *out, int room) {
  int count = 0;
  acquire();
  int last = subject.mig == NO_MIG ? MAX_MIG - 1 : subject.mig;
  for (int mig = subject.mig; mig <= last; mig++) {
    struct entity *entity = entity_of((struct subject){subject.gpu, mig});
    for (int i = 0; entity != NULL && i < entity->processes; i++) {
      struct process process = entity->process[i];
      if (kind != ALL_KINDS && process.kind != kind) continue;
      if (mig != NO_MIG && process.gi == ALL_ONES) process.gi = (uint32_t)first_number(entity, K_gi);
      if (mig != NO_MIG && process.ci == ALL_ONES) process.ci = (uint32_t)first_number(entity, K_ci);
      if (count < room) out[count] = process;
      count++;
    }
  }
  release();
  return count;
}
