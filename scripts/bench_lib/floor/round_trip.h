// SPDX-License-Identifier: Apache-2.0
/* What mod_floor and echo_server say to each other: a head, then as many bytes each way as that says. */
#ifndef FLOOR_ROUND_TRIP_H
#define FLOOR_ROUND_TRIP_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* kHeadBytes stands for the request head that a real gateway would send. */
enum { kHeadBytes = 600, kPatternBytes = 10 * 1024 * 1024 };

typedef struct {
  uint32_t request_bytes;
  uint32_t answer_bytes;
  uint32_t sleep_us; /* before the answer */
} round_trip_head;

/* Every body of the benchmark is a prefix of this pattern. */
static inline void fill_pattern(char* out, size_t length) {
  static const char line[] = "Hello, world!\n";
  for (size_t i = 0; i < length; ++i) out[i] = line[i % (sizeof line - 1)];
}

/* Both return 1 when all bytes went, 0 on an error or end-of-file. */
static inline int write_all(int fd, const char* bytes, size_t length) {
  while (length > 0) {
    const ssize_t done = write(fd, bytes, length);
    if (done < 0 && errno != EINTR) return 0;
    bytes += done > 0 ? done : 0;
    length -= done > 0 ? (size_t)done : 0;
  }
  return 1;
}

static inline int read_all(int fd, char* bytes, size_t length) {
  while (length > 0) {
    const ssize_t done = read(fd, bytes, length);
    if (done == 0 || (done < 0 && errno != EINTR)) return 0;
    bytes += done > 0 ? done : 0;
    length -= done > 0 ? (size_t)done : 0;
  }
  return 1;
}

#endif
