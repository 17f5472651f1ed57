// The scenario file: text that says what the double answers. Lines are parsed strictly; an unknown word ends the
// process with its place, because a typing error that is skipped would let a test pass for the wrong reason.
//
//   driver 580.95.05    nvml_version 13.580.95.05    cuda_version 13000    init CODE    gpus N    recheck_ms N
//   unloaded 1    strict 1    pattern 1    reuse_mig_handles 1    untouched_fields_over N    drops_xid N
//   throttle_fields early|late
//   gpu3.util_percent VALUE     gpu*.memory_used_mib VALUE     (keys.def has all words)
//   gpu3.name TEXT    uuid, bus_id, serial, vbios, part_number, profile_name likewise
//   gpu3.mig0.gi VALUE          the same words for the first MIG instance of a GPU
//   gpu3.field ID SCOPE|* TYPE FILLED_TYPE CODE VALUE    gpu3.gpm ID CODE VALUE
//   gpu3.process PID MIB compute|graphics|mps GI CI SM MEMORY ENCODER DECODER
//   ret FUNCTION GPU CODE [after N] [for N]    delay_us FUNCTION GPU N    busy_us FUNCTION GPU N    hang FUNCTION GPU
//   event AFTER_MS GPU TYPE DATA GI CI
//
// VALUE is a number, `ramp FROM TO SECONDS` (a saw tooth), `rate FROM PER_SECOND`, `seq A,B,...` (one for each call,
// the last one stays) or `cycle A,B,...`. GPU is gpuN or *. FUNCTION is an exported name, or * for every call but
// init, shutdown and error text. `after` and `for` count matching calls from the moment the line was read.

#define _GNU_SOURCE
#include "words.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const char *const key_words[KEY_COUNT] = {
#define KEY(word) #word,
#include "keys.def"
#undef KEY
};
static const char *const text_words[TEXT_COUNT] = {"name",  "uuid",        "bus_id",      "serial",
                                                   "vbios", "part_number", "profile_name"};
static const char *const rule_words[] = {"ret", "delay_us", "busy_us", "hang"};
static const char *const kind_words[] = {"compute", "graphics", "mps"};
static const char *const list_words[] = {"field", "gpm", "process"};

static struct entity *entity_of(struct scenario *into, int gpu, int mig) {
  struct entity **slot = &into->entity[gpu][1 + mig];
  if (*slot != NULL) return *slot;
  struct entity *entity = *slot = own(into, sizeof *entity);
  snprintf(entity->text[NAME], sizeof entity->text[NAME], "NVML double");
  snprintf(entity->text[UUID], sizeof entity->text[UUID], "%s-00000000-0000-0000-%04d-%012d",
           mig == NO_MIG ? "GPU" : "MIG", mig + 1, gpu);
  snprintf(entity->text[BUS_ID], sizeof entity->text[BUS_ID], "0000:%02x:00.0", 0x10 + gpu);
  return entity;
}

// A line with several words behind `field`, `gpm` or `process`.
static void parse_list_line(struct place *at, struct entity *entity, const char *key, char *rest) {
  char *first = strtok_r(rest, " ", &at->save);
  if (strcmp(key, "field") == 0) {
    struct field_line line = {.id = (uint32_t)whole(at, first)};
    char *scope = next_word(at);
    line.any_scope = scope != NULL && strcmp(scope, "*") == 0;
    if (!line.any_scope) line.scope = (uint32_t)whole(at, scope);
    line.announced = (uint32_t)whole(at, next_word(at));
    line.filled = (uint32_t)whole(at, next_word(at));
    line.code = (int)whole(at, next_word(at));
    line.value = parse_value(at, next_word(at));
    *APPEND(at->into, entity->field, entity->fields) = line;
  } else if (strcmp(key, "gpm") == 0) {
    struct gpm_line line = {.id = (uint32_t)whole(at, first)};
    line.code = (int)whole(at, next_word(at));
    line.value = parse_value(at, next_word(at));
    *APPEND(at->into, entity->gpm, entity->gpms) = line;
  } else {
    struct process line = {.pid = (uint32_t)whole(at, first)};
    line.memory_mib = real(at, next_word(at));
    char *kind = next_word(at);
    int known = kind == NULL ? -1 : word_index(kind, kind_words, COUNT(kind_words));
    if (known < 0) die_at(at, "'%s' is not a kind of process", kind == NULL ? "" : kind);
    line.kind = (enum process_kind)known;
    line.gi = (uint32_t)whole(at, next_word(at));
    line.ci = (uint32_t)whole(at, next_word(at));
    line.sm = (uint32_t)whole(at, next_word(at));
    line.memory = (uint32_t)whole(at, next_word(at));
    line.encoder = (uint32_t)whole(at, next_word(at));
    line.decoder = (uint32_t)whole(at, next_word(at));
    *APPEND(at->into, entity->process, entity->processes) = line;
  }
}

static void parse_entity(struct place *at, int first, int last, int mig, const char *key, char *rest) {
  int number = word_index(key, key_words, KEY_COUNT);
  int text = word_index(key, text_words, TEXT_COUNT);
  struct value value = {0};
  if (number >= 0) value = parse_value(at, strtok_r(rest, " ", &at->save));
  for (int gpu = first; gpu <= last; gpu++) {
    struct entity *entity = entity_of(at->into, gpu, mig);
    if (number >= 0) entity->values[number] = value;
    else if (text >= 0) snprintf(entity->text[text], sizeof entity->text[text], "%s", rest);
    else if (word_index(key, list_words, COUNT(list_words)) < 0) die_at(at, "'%s' is not a key of a GPU", key);
    else if (first != last) die_at(at, "'%s' is for one GPU", key);
    else parse_list_line(at, entity, key, rest);
  }
}

// `which` is N or *, `key` may begin with migN.
static void parse_gpu(struct place *at, const char *which, char *key, char *rest) {
  int first = 0, last = MAX_GPUS - 1, mig = NO_MIG;
  if (strcmp(which, "*") != 0) {
    first = last = (int)whole(at, which);
    if (first < 0 || first >= MAX_GPUS) die_at(at, "gpu%d is not from 0 to %d", first, MAX_GPUS - 1);
  }
  char *dot = strchr(key, '.');
  if (dot != NULL && strncmp(key, "mig", 3) == 0) {
    *dot = 0;
    mig = (int)whole(at, key + 3);
    if (mig < 0 || mig >= MAX_MIG) die_at(at, "mig%d is not from 0 to %d", mig, MAX_MIG - 1);
    key = dot + 1;
  }
  parse_entity(at, first, last, mig, key, rest);
}

static int which_gpu(struct place *at, const char *text) {
  if (text == NULL) die_at(at, "a GPU is missing");
  if (strcmp(text, "*") == 0) return ANY;
  if (strncmp(text, "gpu", 3) != 0) die_at(at, "'%s' is neither gpuN nor *", text);
  return (int)whole(at, text + 3);
}

static void parse_rule(struct place *at, enum rule_kind kind, char *rest) {
  char *function = strtok_r(rest, " ", &at->save), *gpu = next_word(at);
  if (function == NULL || gpu == NULL) die_at(at, "a rule names a function and a GPU");
  struct rule rule = {.kind = kind, .during = -1};
  rule.function = strcmp(function, "*") == 0 ? ANY : word_index(function, function_names, FUNCTION_COUNT);
  if (rule.function == -1) die_at(at, "'%s' is not a function of the double", function);
  rule.gpu = which_gpu(at, gpu);
  if (kind != HANG) rule.number = whole(at, next_word(at));
  for (char *text = next_word(at); text != NULL; text = next_word(at)) {
    long *target = strcmp(text, "after") == 0 ? &rule.after : strcmp(text, "for") == 0 ? &rule.during : NULL;
    if (target == NULL) die_at(at, "'%s' is neither after nor for", text);
    *target = whole(at, next_word(at));
  }
  *APPEND(at->into, at->into->rule, at->into->rules) = rule;
}

static void parse_event(struct place *at, char *rest) {
  struct event event = {.due_ns = (uint64_t)(real(at, strtok_r(rest, " ", &at->save)) * 1e6)};
  event.gpu = which_gpu(at, next_word(at));
  if (event.gpu < 0 || event.gpu >= MAX_GPUS) die_at(at, "an event is of one GPU");
  event.type = (uint64_t)whole(at, next_word(at));
  event.data = (uint64_t)whole(at, next_word(at));
  event.gi = (uint32_t)whole(at, next_word(at));
  event.ci = (uint32_t)whole(at, next_word(at));
  *APPEND(at->into, at->into->event, at->into->events) = event;
}

static void parse_line(struct place *at, char *text) {
  struct scenario *into = at->into;
  struct { const char *name; int *target; } numbers[] = {
    {"init", &into->init_code}, {"recheck_ms", &into->recheck_ms}, {"unloaded", &into->unloaded},
    {"strict", &into->strict}, {"pattern", &into->pattern}, {"reuse_mig_handles", &into->reuse_mig_handles},
    {"untouched_fields_over", &into->untouched_over}, {"cuda_version", &into->cuda_version}, {"gpus", &into->gpus},
  };
  text[strcspn(text, "\r\n")] = 0;
  if (text[0] == 0 || text[0] == '#') return;
  char *rest = strchr(text, ' ');
  if (rest == NULL) die_at(at, "'%s' has no value", text);
  *rest++ = 0;
  char *dot = strchr(text, '.');
  if (strncmp(text, "gpu", 3) == 0 && dot != NULL) {
    *dot = 0;
    parse_gpu(at, text + 3, dot + 1, rest);
    return;
  }
  for (int i = 0; i < COUNT(numbers); i++) {
    if (strcmp(text, numbers[i].name) != 0) continue;
    *numbers[i].target = (int)whole(at, rest);
    if (into->gpus < 0 || into->gpus > MAX_GPUS) die_at(at, "gpus is from 0 to %d", MAX_GPUS);
    return;
  }
  int rule = word_index(text, rule_words, COUNT(rule_words));
  if (rule >= 0) parse_rule(at, (enum rule_kind)rule, rest);
  else if (strcmp(text, "driver") == 0) snprintf(into->driver, sizeof into->driver, "%s", rest);
  else if (strcmp(text, "nvml_version") == 0) snprintf(into->nvml_version, sizeof into->nvml_version, "%s", rest);
  else if (strcmp(text, "event") == 0) parse_event(at, rest);
  else if (strcmp(text, "drops_xid") == 0) *APPEND(into, into->drop, into->dropped) = whole(at, rest);
  else if (strcmp(text, "throttle_fields") == 0) {
    if (strcmp(rest, "early") != 0 && strcmp(rest, "late") != 0) die_at(at, "'%s' is neither early nor late", rest);
    into->throttle_fields = strcmp(rest, "early") == 0 ? 251 : 269;
  } else die_at(at, "'%s' is not a word of a scenario", text);
}

struct scenario *scenario_parse(FILE *file, const char *path) {
  struct scenario *into = calloc(1, sizeof *into);
  struct place at = {.into = into, .path = path};
  char *text = NULL;
  size_t room = 0;
  if (into == NULL) abort();
  snprintf(into->driver, sizeof into->driver, "580.95.05");
  into->recheck_ms = 50;
  into->cuda_version = 13000;
  into->untouched_over = -1;
  // Branch 580 began with the earlier numbers, and has the later ones from 580.82 on.
  into->throttle_fields = BRANCH >= 580 ? 269 : BRANCH >= 575 ? 251 : 0;
  while (getline(&text, &room, file) >= 0) {
    at.line++;
    parse_line(&at, text);
  }
  free(text);
  if (into->nvml_version[0] == 0) snprintf(into->nvml_version, sizeof into->nvml_version, "13.%.76s", into->driver);
  for (int gpu = 0; gpu < into->gpus; gpu++) entity_of(into, gpu, NO_MIG);
  return into;
}

void scenario_free(struct scenario *scenario) {
  if (scenario == NULL) return;
  for (struct chunk *chunk = scenario->chunks; chunk != NULL;) {
    struct chunk *next = chunk->next;
    free(chunk);
    chunk = next;
  }
  free(scenario);
}
