// The scenario: a text file that says what the double answers, read again when it changes. Lines are parsed
// strictly; an unknown word ends the process with its place, because a typing error that is skipped would
// let a test pass for the wrong reason. A writer replaces the file by rename, so no half of it is ever seen.
// The file is named by NVML_DOUBLE_SCENARIO; without it, it is the file `scenario` beside the library, so that
// several doubles can live in one process. The same holds for NVML_DOUBLE_COUNTERS and a file `counters` that
// exists.
//
//   driver 580.95.05            init CODE                  gpus N                     recheck_ms N
//   gpu3.util VALUE             gpu*.memory_used_mib VALUE  (see field_words)
//   gpu3.name TEXT              gpu3.uuid TEXT             gpu3.bus_id 0000:3b:00.0
//   gpu3.lost 1
//   ret FUNCTION GPU CODE [after N] [for N]
//   delay_us FUNCTION GPU N     busy_us FUNCTION GPU N     hang FUNCTION GPU
//
// VALUE is a number, `ramp FROM TO SECONDS` (a saw tooth from the moment the library was loaded), `seq A,B,...`
// (one for each call, the last one stays) or `cycle A,B,...`. A value that no line gives is NOT_SUPPORTED; one
// below 0 reads as all ones where the real call would say "not available" so. GPU is gpuN or *. FUNCTION is an
// exported name, or * for every call but init, shutdown and error text. `after` and `for` count matching calls
// from the moment the line was read. The file is looked at again when a call is made `recheck_ms` (50) after
// the last look; 0 looks at each call, -1 never, which also spares every call the lock.

#define _GNU_SOURCE
#include "double.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_RULES 64
#define MAX_SEQ 64
#define ANY (-2)

enum shape { UNSET, CONSTANT, RAMP, SEQ, CYCLE };
struct value {
  enum shape shape;
  double from, to, seconds;
  int count;
  unsigned next;
  double seq[MAX_SEQ];
};
enum rule_kind { RET, DELAY_US, BUSY_US, HANG };
struct rule {
  enum rule_kind kind;
  int function, gpu;
  long number, after, during, seen;
};
struct gpu {
  int lost;
  char text[TEXT_COUNT][128];
  struct value values[FIELD_COUNT];
};
struct scenario {
  char driver[80];
  int init_code, gpus, recheck_ms, rules;
  struct gpu gpu[MAX_GPUS];
  struct rule rule[MAX_RULES];
};
// One row for each function in the counter file; test/nvml-double/counters.ts reads it.
struct counter {
  char name[48];
  uint64_t calls, by_gpu[MAX_GPUS];
};

static const char *const field_words[FIELD_COUNT] = {"util", "memory_util", "memory_used_mib", "memory_total_mib",
                                                     "memory_reserved_mib", "temperature_c", "power_mw"};
static const char *const text_words[TEXT_COUNT] = {"name", "uuid", "bus_id"};
static const char *const rule_words[] = {"ret", "delay_us", "busy_us", "hang"};

static struct scenario scenario;
static struct counter *counters;
static const char *path;
static int is_static;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t loaded_ns, checked_ns;
static struct stat loaded_stat;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(int line, const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "nvml double: %s:%d: ", path, line);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}

static long number_of(const char *word, int line) {
  char *end;
  if (word == NULL) die(line, "a number is missing");
  long value = strtol(word, &end, 10);
  if (end == word || *end != 0) die(line, "'%s' is not a whole number", word);
  return value;
}

static double real_of(const char *word, int line) {
  char *end;
  if (word == NULL) die(line, "a number is missing");
  double value = strtod(word, &end);
  if (end == word || *end != 0) die(line, "'%s' is not a number", word);
  return value;
}

static int word_index(const char *word, const char *const words[], int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(word, words[i]) == 0) return i;
  return -1;
}

static void parse_value(struct value *value, char *rest, int line) {
  char *save, *word = strtok_r(rest, " ", &save);
  memset(value, 0, sizeof *value);
  if (word == NULL) die(line, "a value is missing");
  if (strcmp(word, "ramp") == 0) {
    value->shape = RAMP;
    value->from = real_of(strtok_r(NULL, " ", &save), line);
    value->to = real_of(strtok_r(NULL, " ", &save), line);
    value->seconds = real_of(strtok_r(NULL, " ", &save), line);
    if (value->seconds <= 0) die(line, "a ramp needs a length above 0");
  } else if (strcmp(word, "seq") == 0 || strcmp(word, "cycle") == 0) {
    value->shape = strcmp(word, "seq") == 0 ? SEQ : CYCLE;
    for (char *item = strtok_r(NULL, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
      if (value->count == MAX_SEQ) die(line, "more than %d values", MAX_SEQ);
      value->seq[value->count++] = real_of(item, line);
    }
    if (value->count == 0) die(line, "a list is missing");
  } else {
    value->shape = CONSTANT;
    value->from = real_of(word, line);
  }
}

static void parse_gpu(struct scenario *into, const char *which, const char *key, char *rest, int line) {
  int first = 0, last = MAX_GPUS - 1;
  if (strcmp(which, "*") != 0) {
    first = last = (int)number_of(which, line);
    if (first < 0 || first >= MAX_GPUS) die(line, "gpu%d is not from 0 to %d", first, MAX_GPUS - 1);
  }
  int field = word_index(key, field_words, FIELD_COUNT);
  int text = word_index(key, text_words, TEXT_COUNT);
  struct value value;
  if (field >= 0) parse_value(&value, rest, line);
  for (int gpu = first; gpu <= last; gpu++) {
    if (field >= 0) into->gpu[gpu].values[field] = value;
    else if (text >= 0) snprintf(into->gpu[gpu].text[text], sizeof into->gpu[gpu].text[text], "%s", rest);
    else if (strcmp(key, "lost") == 0) into->gpu[gpu].lost = (int)number_of(rest, line);
    else die(line, "'%s' is not a key of a GPU", key);
  }
}

static void parse_rule(struct scenario *into, enum rule_kind kind, char *rest, int line) {
  char *save, *function = strtok_r(rest, " ", &save), *gpu = strtok_r(NULL, " ", &save);
  if (into->rules == MAX_RULES) die(line, "more than %d rules", MAX_RULES);
  if (function == NULL || gpu == NULL) die(line, "a rule names a function and a GPU");
  struct rule *rule = &into->rule[into->rules++];
  memset(rule, 0, sizeof *rule);
  rule->kind = kind;
  rule->during = -1;
  rule->function = strcmp(function, "*") == 0 ? ANY : word_index(function, function_names, FUNCTION_COUNT);
  if (rule->function == -1) die(line, "'%s' is not a function of the double", function);
  if (strcmp(gpu, "*") == 0) rule->gpu = ANY;
  else if (strncmp(gpu, "gpu", 3) == 0) rule->gpu = (int)number_of(gpu + 3, line);
  else die(line, "'%s' is neither gpuN nor *", gpu);
  if (kind != HANG) rule->number = number_of(strtok_r(NULL, " ", &save), line);
  for (char *word = strtok_r(NULL, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
    long *target = strcmp(word, "after") == 0 ? &rule->after : strcmp(word, "for") == 0 ? &rule->during : NULL;
    if (target == NULL) die(line, "'%s' is neither after nor for", word);
    *target = number_of(strtok_r(NULL, " ", &save), line);
  }
}

static void parse_line(struct scenario *into, char *text, int line) {
  text[strcspn(text, "\r\n")] = 0;
  if (text[0] == 0 || text[0] == '#') return;
  char *rest = strchr(text, ' ');
  if (rest == NULL) die(line, "'%s' has no value", text);
  *rest++ = 0;
  char *dot = strchr(text, '.');
  int rule = word_index(text, rule_words, 4);
  if (strncmp(text, "gpu", 3) == 0 && dot != NULL) {
    *dot = 0;
    parse_gpu(into, text + 3, dot + 1, rest, line);
  } else if (strcmp(text, "driver") == 0) snprintf(into->driver, sizeof into->driver, "%s", rest);
  else if (strcmp(text, "init") == 0) into->init_code = (int)number_of(rest, line);
  else if (strcmp(text, "recheck_ms") == 0) into->recheck_ms = (int)number_of(rest, line);
  else if (strcmp(text, "gpus") == 0) {
    into->gpus = (int)number_of(rest, line);
    if (into->gpus < 0 || into->gpus > MAX_GPUS) die(line, "gpus is from 0 to %d", MAX_GPUS);
  } else if (rule >= 0) parse_rule(into, (enum rule_kind)rule, rest, line);
  else die(line, "'%s' is not a word of a scenario", text);
}

static void load_scenario(FILE *file) {
  char text[1024];
  int line = 0;
  memset(&scenario, 0, sizeof scenario);
  snprintf(scenario.driver, sizeof scenario.driver, "580.95.05");
  scenario.recheck_ms = 50;
  for (int gpu = 0; gpu < MAX_GPUS; gpu++) {
    snprintf(scenario.gpu[gpu].text[NAME], 128, "NVML double");
    snprintf(scenario.gpu[gpu].text[UUID], 128, "GPU-00000000-0000-0000-0000-%012d", gpu);
    snprintf(scenario.gpu[gpu].text[BUS_ID], 128, "0000:%02x:00.0", 0x10 + gpu);
  }
  while (fgets(text, sizeof text, file) != NULL) parse_line(&scenario, text, ++line);
}

// Called with the lock held. A file that is gone leaves the last scenario in force.
static void refresh(void) {
  uint64_t now = now_ns();
  if (loaded_ns != 0 && now - checked_ns < (uint64_t)scenario.recheck_ms * 1000000) return;
  checked_ns = now;
  struct stat seen;
  if (stat(path, &seen) != 0) {
    if (loaded_ns == 0) die(0, "cannot be read; set NVML_DOUBLE_SCENARIO to a scenario file");
    return;
  }
  if (loaded_ns != 0 && seen.st_ino == loaded_stat.st_ino && seen.st_size == loaded_stat.st_size &&
      seen.st_mtim.tv_sec == loaded_stat.st_mtim.tv_sec && seen.st_mtim.tv_nsec == loaded_stat.st_mtim.tv_nsec)
    return;
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  // The status of the open file, not of the path: the file may have been replaced in between.
  fstat(fileno(file), &loaded_stat);
  load_scenario(file);
  fclose(file);
  if (loaded_ns == 0) loaded_ns = now;
}

static void map_counters(const char *file) {
  int fd = open(file, O_RDWR | O_CREAT, 0644);
  size_t size = sizeof(struct counter) * FUNCTION_COUNT;
  if (fd < 0 || ftruncate(fd, (off_t)size) != 0) die(0, "NVML_DOUBLE_COUNTERS=%s cannot be opened", file);
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die(0, "NVML_DOUBLE_COUNTERS=%s cannot be mapped", file);
  close(fd);
  counters = at;
  for (int i = 0; i < FUNCTION_COUNT; i++) snprintf(counters[i].name, sizeof counters[i].name, "%s", function_names[i]);
}

// A file in the directory of this library.
static void beside(const char *name, char *out, size_t size) {
  Dl_info info;
  if (dladdr((void *)&scenario, &info) == 0 || info.dli_fname == NULL) die(0, "cannot tell where the library lies");
  const char *slash = strrchr(info.dli_fname, '/');
  snprintf(out, size, "%.*s%s", slash == NULL ? 0 : (int)(slash + 1 - info.dli_fname), info.dli_fname, name);
}

__attribute__((constructor)) static void start(void) {
  static char scenario_file[4096], counter_file[4096];
  beside("scenario", scenario_file, sizeof scenario_file);
  beside("counters", counter_file, sizeof counter_file);
  path = getenv("NVML_DOUBLE_SCENARIO");
  if (path == NULL) path = scenario_file;
  const char *counter_path = getenv("NVML_DOUBLE_COUNTERS");
  if (counter_path == NULL && access(counter_file, W_OK) == 0) counter_path = counter_file;
  if (counter_path != NULL) map_counters(counter_path);
  refresh();
  // Decided here, before any other thread can call: from now on the scenario is only read.
  is_static = scenario.recheck_ms < 0;
}

// A static scenario never changes once it is loaded, so its readers need no lock.
static void acquire(void) {
  if (is_static) return;
  pthread_mutex_lock(&lock);
  refresh();
}

static void release(void) {
  if (!is_static) pthread_mutex_unlock(&lock);
}

static int applies(const struct rule *rule, enum function function, int gpu) {
  int system = function == F_nvmlInit_v2 || function == F_nvmlInitWithFlags || function == F_nvmlShutdown ||
               function == F_nvmlErrorString;
  if (rule->function == ANY ? system : rule->function != (int)function) return 0;
  return rule->gpu == ANY || rule->gpu == gpu;
}

static int hangs(enum function function, int gpu) {
  int found = 0;
  for (int i = 0; i < scenario.rules && !found; i++)
    found = scenario.rule[i].kind == HANG && applies(&scenario.rule[i], function, gpu);
  return found;
}

static void wait_us(long sleep_us, long busy_us) {
  if (sleep_us > 0) {
    struct timespec t = {sleep_us / 1000000, sleep_us % 1000000 * 1000};
    nanosleep(&t, NULL);
  }
  if (busy_us > 0)
    for (uint64_t end = now_ns() + (uint64_t)busy_us * 1000; now_ns() < end;) {
    }
}

int scenario_enter(enum function function, int gpu) {
  int code = SUCCESS, hang = 0;
  long sleep_us = 0, busy_us = 0;
  if (counters != NULL) {
    __atomic_fetch_add(&counters[function].calls, 1, __ATOMIC_RELAXED);
    if (gpu >= 0) __atomic_fetch_add(&counters[function].by_gpu[gpu], 1, __ATOMIC_RELAXED);
  }
  acquire();
  for (int i = 0; i < scenario.rules; i++) {
    struct rule *rule = &scenario.rule[i];
    if (!applies(rule, function, gpu)) continue;
    long seen = rule->seen++;
    if (seen < rule->after || (rule->during >= 0 && seen >= rule->after + rule->during)) continue;
    if (rule->kind == RET && code == SUCCESS) code = (int)rule->number;
    if (rule->kind == DELAY_US) sleep_us = rule->number;
    if (rule->kind == BUSY_US) busy_us = rule->number;
    if (rule->kind == HANG) hang = 1;
  }
  release();
  while (hang) {
    wait_us(5000, 0);
    acquire();
    hang = hangs(function, gpu);
    release();
  }
  wait_us(sleep_us, busy_us);
  return code;
}

int scenario_init_code(void) {
  acquire();
  int code = scenario.init_code;
  release();
  return code;
}

int scenario_gpus(void) {
  acquire();
  int gpus = scenario.gpus;
  release();
  return gpus;
}

int scenario_lost(int gpu) {
  acquire();
  int lost = scenario.gpu[gpu].lost;
  release();
  return lost;
}

void scenario_driver(char *out, size_t size) {
  acquire();
  snprintf(out, size, "%s", scenario.driver);
  release();
}

void scenario_text(int gpu, enum text text, char *out, size_t size) {
  acquire();
  snprintf(out, size, "%s", scenario.gpu[gpu].text[text]);
  release();
}

int scenario_value(int gpu, enum field field, double *out) {
  acquire();
  struct value *value = &scenario.gpu[gpu].values[field];
  enum shape shape = value->shape;
  if (shape == CONSTANT) *out = value->from;
  if (shape == RAMP) {
    double turns = (double)(now_ns() - loaded_ns) / 1e9 / value->seconds;
    *out = value->from + (value->to - value->from) * (turns - (double)(uint64_t)turns);
  }
  if (shape == SEQ || shape == CYCLE) {
    unsigned at = value->next++, count = (unsigned)value->count;
    *out = value->seq[shape == CYCLE ? at % count : at < count ? at : count - 1];
  }
  release();
  return shape != UNSET;
}
