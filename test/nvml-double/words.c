// Splits the lines of a scenario and reads their words, strictly.

#define _GNU_SOURCE
#include "words.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void die_at(const struct place *at, const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "nvml double: %s:%d: ", at->path, at->line);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}

void *own(struct scenario *scenario, size_t size) {
  struct chunk *chunk = calloc(1, sizeof *chunk + size);
  if (chunk == NULL) abort();
  chunk->next = scenario->chunks;
  scenario->chunks = chunk;
  return chunk + 1;
}

void *grown(struct scenario *scenario, void *list, int count, size_t item) {
  if (count != 0 && (count & (count - 1)) != 0) return list;
  void *next = own(scenario, item * (size_t)(count == 0 ? 1 : count * 2));
  if (count != 0) memcpy(next, list, item * (size_t)count);
  return next;
}
char *next_word(struct place *at) {
  return strtok_r(NULL, " ", &at->save);
}

long whole(struct place *at, const char *text) {
  char *end;
  if (text == NULL) die_at(at, "a number is missing");
  long value = strtol(text, &end, 0);
  if (end == text || *end != 0) die_at(at, "'%s' is not a whole number", text);
  return value;
}

double real(struct place *at, const char *text) {
  char *end;
  if (text == NULL) die_at(at, "a number is missing");
  double value = strtod(text, &end);
  if (end == text || *end != 0) die_at(at, "'%s' is not a number", text);
  return value;
}

int word_index(const char *text, const char *const words[], int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(text, words[i]) == 0) return i;
  return -1;
}

struct value parse_value(struct place *at, char *text) {
  struct value value = {0};
  if (text == NULL) die_at(at, "a value is missing");
  if (strcmp(text, "ramp") == 0) {
    value.shape = RAMP;
    value.from = real(at, next_word(at));
    value.to = real(at, next_word(at));
    value.seconds = real(at, next_word(at));
    if (value.seconds <= 0) die_at(at, "a ramp needs a length above 0");
  } else if (strcmp(text, "rate") == 0) {
    value.shape = RATE;
    value.from = real(at, next_word(at));
    value.to = real(at, next_word(at));
  } else if (strcmp(text, "seq") == 0 || strcmp(text, "cycle") == 0) {
    value.shape = strcmp(text, "seq") == 0 ? SEQ : CYCLE;
    for (char *item = strtok_r(NULL, ", ", &at->save); item != NULL; item = strtok_r(NULL, ", ", &at->save))
      *APPEND(at->into, value.list, value.count) = real(at, item);
    if (value.count == 0) die_at(at, "a list is missing");
  } else {
    value.shape = CONSTANT;
    value.from = real(at, text);
  }
  if (next_word(at) != NULL) die_at(at, "there is something behind the value");
  return value;
}
