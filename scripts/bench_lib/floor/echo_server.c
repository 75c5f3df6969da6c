// SPDX-License-Identifier: Apache-2.0
/*
 * The other end of mod_floor's round trip: reads a request and answers with as
 * many bytes as it asks for, when it asks for them. One thread per connection, no Python, no parsing.
 * usage: echo_server SOCKET
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "round_trip.h"

static char pattern[kPatternBytes];

/* One read takes both heads together in the common case, as a real gateway would. */
static int serve_one(int fd, char* block, size_t size) {
  round_trip_head head;
  ssize_t got = read(fd, block, sizeof head + kHeadBytes);
  if (got <= 0) return 0;
  if ((size_t)got < sizeof head && !read_all(fd, block + got, sizeof head - (size_t)got)) return 0;
  memcpy(&head, block, sizeof head);
  size_t left = head.request_bytes;
  left -= (size_t)got > sizeof head ? (size_t)got - sizeof head : 0;
  while (left > 0) {
    got = read(fd, block, left < size ? left : size);
    if (got <= 0) return 0;
    left -= (size_t)got;
  }
  if (head.sleep_us > 0) usleep(head.sleep_us);
  return head.answer_bytes <= sizeof pattern && write_all(fd, pattern, head.answer_bytes);
}

static void* serve(void* argument) {
  const int fd = *(int*)argument;
  const size_t size = 64 * 1024;
  char* block = malloc(size);
  free(argument);
  while (block != NULL && serve_one(fd, block, size))
    ;
  free(block);
  close(fd);
  return NULL;
}

int main(int argc, char** argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
    fprintf(stderr, "usage: echo_server SOCKET\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN); /* a client that leaves in the middle costs its own connection only */
  strcpy(address.sun_path, argv[1]);
  fill_pattern(pattern, sizeof pattern);
  unlink(argv[1]);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || chmod(argv[1], 0666) != 0 ||
      listen(listener, 128) != 0) {
    perror(argv[1]);
    return 1;
  }
  for (;;) {
    pthread_t thread;
    int* fd = malloc(sizeof *fd);
    if (fd == NULL || (*fd = accept(listener, NULL, NULL)) < 0) {
      free(fd);
      continue;
    }
    if (pthread_create(&thread, NULL, serve, fd) != 0) return 1;
    pthread_detach(thread);
  }
}
