#define _GNU_SOURCE
#include "supervision.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

/// The signals that ask for a stop.
static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGQUIT};
enum { stop_signal_count = sizeof stop_signals / sizeof *stop_signals };

enum { thread_limit = 512, path_limit = PATH_MAX + 1 };

/// What one thread does. A cache line of its own.
typedef struct thread_note {
  _Alignas(64) atomic_int thread;
  /// Odd inside a call; another number for each.
  atomic_uint turn;
  char function[48];
} thread_note;

/// What both processes see.
typedef struct notes {
  atomic_int thread_count;
  /// Milliseconds of the monotonic clock; 0 if the worker was not asked to stop.
  _Atomic int64_t stop_requested;
  /// Whether a fault was seen, and the call in which it was; none if empty.
  atomic_bool has_fault;
  char fault_function[48];
  atomic_bool has_unfinished;
  char unfinished_file[path_limit];
  char unfinished_other_file[path_limit];
  char unfinished_lock[path_limit];
  char unfinished_folder[path_limit];
  atomic_bool is_resumable;
  char resumable_folder[path_limit];
  thread_note threads[thread_limit];
} notes;

static notes *shared = NULL;
static bool is_worker = false;
static _Thread_local thread_note *own = NULL;
static _Thread_local bool has_no_place = false;

static sigset_t mask_before;

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/// How long a second request to stop may be the first one come twice, to the process and to its group.
enum { second_request_after = 500 };

// MARK: - The worker's thread

enum { stack_size = 8 << 20 };

static void *run_body(void *body) {
  (*(void (**)(void))body)();
  exit(0);
}

void supervision_run(void (*body)(void)) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  if (pthread_create(&thread, &attributes, run_body, &body) == 0) pthread_join(thread, NULL);
  // Without a thread there is nothing to go on with.
  _exit(71);
}

// MARK: - Requests to stop

static void (*request_stop)(void);
static _Atomic int64_t first_request;

static void note_request(int number) {
  int64_t none = 0;
  int64_t now = milliseconds();
  bool is_first = atomic_compare_exchange_strong(&first_request, &none, now);
  if (is_worker) {
    // The watcher looks at second ones, and at what comes to the worker alone.
    if (is_first) atomic_store(&shared->stop_requested, now);
  } else if (!is_first && number != SIGXCPU && now - atomic_load(&first_request) > second_request_after) {
    // A limit on processor time sends one each second.
    signal(number, SIG_DFL);
    raise(number);
  }
  request_stop();
}

void supervision_handle_stops(void (*request)(void)) {
  request_stop = request;
  if (!is_worker) sigprocmask(SIG_BLOCK, NULL, &mask_before);
  // A call that waits goes on behind the handler, whichever thread the system chose for it: `signal` promises that only on some systems, and
  // not under the thread sanitizer.
  struct sigaction handled = {.sa_handler = note_request, .sa_flags = SA_RESTART}, before;
  sigemptyset(&handled.sa_mask);
  for (int i = 0; i < stop_signal_count; i++) {
    if (sigaction(stop_signals[i], NULL, &before) != 0 || before.sa_handler != SIG_IGN) sigaction(stop_signals[i], &handled, NULL);
    // Whoever started the program may have blocked them.
    sigdelset(&mask_before, stop_signals[i]);
  }
  sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

#if defined(__linux__)

/// Signals that a fault of the program itself brings.
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTRAP, SIGSYS};
enum { fault_signal_count = sizeof fault_signals / sizeof *fault_signals };

// MARK: - Notes of the worker

/// This thread's place for notes; NULL if nobody watches, or there are more threads than places.
static thread_note *own_note(void) {
  if (own != NULL || has_no_place || !is_worker) return own;
  int index = atomic_fetch_add(&shared->thread_count, 1);
  if (index >= thread_limit) {
    atomic_store(&shared->thread_count, thread_limit);
    has_no_place = true;
    return NULL;
  }
#if !defined(HAS_SANITIZER)
  // What overflows its stack could otherwise not say so. A thread keeps it to its end.
  stack_t stack = {.ss_size = 64 << 10};
  stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack.ss_sp != MAP_FAILED) sigaltstack(&stack, NULL);
#endif
  own = &shared->threads[index];
  atomic_store(&own->thread, (int)syscall(SYS_gettid));
  return own;
}

void supervision_enter(const char *function) {
  thread_note *note = own_note();
  if (note == NULL) return;
  strncpy(note->function, function, sizeof note->function - 1);
  atomic_store_explicit(&note->turn, (atomic_load_explicit(&note->turn, memory_order_relaxed) + 1) | 1, memory_order_release);
}

void supervision_proceed(void) {
  if (own != NULL) atomic_fetch_add_explicit(&own->turn, 2, memory_order_release);
}

void supervision_leave(void) {
  if (own != NULL) atomic_fetch_add_explicit(&own->turn, 1, memory_order_release);
}

void supervision_note_unfinished(const char *file, const char *other_file, const char *lock, const char *folder) {
  if (!is_worker) return;
  atomic_store(&shared->has_unfinished, false);
  if (file == NULL || strlen(file) >= path_limit || strlen(other_file) >= path_limit || strlen(lock) >= path_limit || strlen(folder) >= path_limit) return;
  strcpy(shared->unfinished_file, file);
  strcpy(shared->unfinished_other_file, other_file);
  strcpy(shared->unfinished_lock, lock);
  strcpy(shared->unfinished_folder, folder);
  atomic_store(&shared->has_unfinished, true);
}

void supervision_note_resumable(const char *folder) {
  if (!is_worker) return;
  atomic_store(&shared->is_resumable, false);
  if (folder == NULL || strlen(folder) >= path_limit) return;
  strcpy(shared->resumable_folder, folder);
  atomic_store(&shared->is_resumable, true);
}

#if !defined(HAS_SANITIZER)
/// Notes where the fault was, and lets it end the process as it would have.
static void note_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  if (!atomic_exchange(&shared->has_fault, true)) {
    // The library has no traps of its own: those are Swift's, perhaps in what the library called back.
    bool is_trap = number == SIGILL || number == SIGTRAP;
    // Nor is a signal that another process sent a fault of the call that happens to run.
    bool is_sent = info->si_code <= 0 && info->si_pid != getpid();
    if (own != NULL && atomic_load(&own->turn) % 2 == 1 && !is_trap && !is_sent) {
      memcpy(shared->fault_function, own->function, sizeof shared->fault_function);
    }
  }
  // The handler is gone already. What the processor refused it refuses again; what was sent has to be sent again.
  if (info->si_code <= 0) raise(number);
}
#endif

static void become_worker(pid_t watcher) {
  is_worker = true;
  // Whoever ends the watcher ends the worker, too; it may have happened already.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != watcher) _exit(75);
#if !defined(HAS_SANITIZER)
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
  action.sa_sigaction = note_fault;
  // In place of Swift's own, which ask on a terminal whether to go on.
  for (int i = 0; i < fault_signal_count; i++) sigaction(fault_signals[i], &action, NULL);
  own_note();
#endif
}

// MARK: - The watcher

/// In milliseconds: how often the watcher looks, and how long it waits for a stop that was asked for, and for a call, in processor time.
enum { look_interval = 250, stop_patience = 4000, call_patience = 5000 };

/// Processor time of a thread of the worker in milliseconds; -1 where the system does not tell.
static int64_t processor_time(pid_t worker, int thread) {
  char path[64], text[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)worker, thread);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count <= 0) return -1;
  text[count] = 0;
  return strtoll(text, NULL, 10) / 1000000;
}

typedef struct watched_call {
  unsigned turn;
  int64_t begin;
} watched_call;

/// Looks for a call that uses too much of the processor's time; NULL if there is none.
static const thread_note *find_loop(pid_t worker, watched_call *calls) {
  int count = atomic_load(&shared->thread_count);
  for (int i = 0; i < count && i < thread_limit; i++) {
    thread_note *note = &shared->threads[i];
    unsigned turn = atomic_load(&note->turn);
    if (turn % 2 == 0) continue;
    int64_t time = processor_time(worker, atomic_load(&note->thread));
    if (time < 0) continue;
    if (calls[i].turn != turn) {
      calls[i].turn = turn;
      calls[i].begin = time;
    } else if (time - calls[i].begin > call_patience) {
      return note;
    }
  }
  return NULL;
}

static bool is_fault(int number) {
  for (int i = 0; i < fault_signal_count; i++) {
    if (fault_signals[i] == number) return true;
  }
  return false;
}

/// A call in which some thread was, for a fault of which nobody could say where it was.
static const char *any_call(void) {
  int count = atomic_load(&shared->thread_count);
  for (int i = 0; i < count && i < thread_limit; i++) {
    if (atomic_load(&shared->threads[i].turn) % 2 == 1) return shared->threads[i].function;
  }
  return "";
}

static void describe_death(int status, supervision_outcome *outcome) {
  if (WIFEXITED(status)) {
    *outcome = (supervision_outcome){.end = supervision_exited, .number = WEXITSTATUS(status)};
    return;
  }
  int number = WTERMSIG(status);
  *outcome = (supervision_outcome){.end = supervision_killed, .number = number};
  if (!is_fault(number)) return;
  bool is_trap = number == SIGILL || number == SIGTRAP;
  const char *call = atomic_load(&shared->has_fault) ? shared->fault_function : is_trap ? "" : any_call();
  outcome->end = call[0] ? supervision_fault_in_call : supervision_fault;
  strncpy(outcome->call, call, sizeof outcome->call - 1);
}

/// Ends the worker, and waits until it is gone.
static int end_worker(pid_t worker) {
  int status = 0;
  kill(worker, SIGKILL);
  while (waitpid(worker, &status, 0) < 0 && errno == EINTR) {}
  return status;
}

static void watch(pid_t worker, const sigset_t *handled, supervision_outcome *outcome) {
  static watched_call calls[thread_limit];
  int64_t request = 0;
  for (;;) {
    int status;
    if (waitpid(worker, &status, WNOHANG) == worker) {
      describe_death(status, outcome);
      return;
    }
    struct timespec interval = {.tv_nsec = look_interval * 1000000L};
    siginfo_t info;
    int number = sigtimedwait(handled, &info, &interval);
    int64_t now = milliseconds();
    if (number == SIGTSTP) {
      // The worker stops first; whoever continues this process continues it below.
      kill(worker, SIGSTOP);
      raise(SIGSTOP);
    } else if (number == SIGCONT) {
      kill(worker, SIGCONT);
    } else if (number > 0 && number != SIGCHLD) {
      bool is_second = request != 0 && now - request > second_request_after;
      if (request == 0) request = now;
      if (is_second) {
        end_worker(worker);
        *outcome = (supervision_outcome){.end = supervision_stopped, .number = number};
        return;
      }
      // A terminal sends these two to all processes in front of it, and so to the worker, too.
      bool comes_to_both = info.si_code == SI_KERNEL && (number == SIGINT || number == SIGQUIT);
      if (!comes_to_both) kill(worker, number);
      kill(worker, SIGCONT);
    }
    if (request == 0) request = atomic_load(&shared->stop_requested);
    if (request != 0 && now - request > stop_patience) {
      if (waitpid(worker, &status, WNOHANG) == worker) {
        describe_death(status, outcome);
        return;
      }
      end_worker(worker);
      *outcome = (supervision_outcome){.end = supervision_stopped};
      return;
    }
    // Who asked for a stop gets that, wherever the worker is.
    const thread_note *loop = request == 0 ? find_loop(worker, calls) : NULL;
    if (loop != NULL) {
      *outcome = (supervision_outcome){.end = supervision_loop_in_call};
      memcpy(outcome->call, loop->function, sizeof outcome->call - 1);
      end_worker(worker);
      return;
    }
  }
}

int supervision_begin(supervision_outcome *outcome) {
  void *memory = mmap(NULL, sizeof(notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  shared = memory;
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGCHLD);
  sigaddset(&handled, SIGCONT);
  struct sigaction action;
  for (int i = 0; i < stop_signal_count; i++) {
    int number = stop_signals[i];
    // A signal that is blocked comes even if it is ignored, as nohup wants it.
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&handled, number);
  }
  if (sigaction(SIGTSTP, NULL, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&handled, SIGTSTP);
  // Whoever ignores it would not be told of a child's end.
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_BLOCK, &handled, &mask_before);
  pid_t watcher = getpid();
  pid_t worker = fork();
  if (worker < 0) {
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
    munmap(memory, sizeof(notes));
    shared = NULL;
    return -1;
  }
  if (worker == 0) {
    become_worker(watcher);
    return 1;
  }
  watch(worker, &handled, outcome);
  return 0;
}

const char *supervision_resumable(void) {
  return shared != NULL && atomic_load(&shared->is_resumable) ? shared->resumable_folder : "";
}

void supervision_remove_unfinished(void) {
  if (shared == NULL || !atomic_load(&shared->has_unfinished)) return;
  int lock = open(shared->unfinished_lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (lock < 0) {
    // It may not have come so far; a folder that holds anything stays.
    rmdir(shared->unfinished_folder);
    return;
  }
  struct stat open_file, named;
  // Another run may have taken the place already.
  bool is_own = flock(lock, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR);
  if (is_own && fstat(lock, &open_file) == 0 && lstat(shared->unfinished_lock, &named) == 0 &&
      open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino) {
    unlink(shared->unfinished_file);
    unlink(shared->unfinished_other_file);
    unlink(shared->unfinished_lock);
    rmdir(shared->unfinished_folder);
  }
  close(lock);
}

#else

int supervision_begin(supervision_outcome *outcome) {
  (void)outcome;
  return -1;
}
void supervision_enter(const char *function) { (void)function; }
void supervision_proceed(void) {}
void supervision_leave(void) {}
void supervision_note_unfinished(const char *file, const char *other_file, const char *lock, const char *folder) {
  (void)file;
  (void)other_file;
  (void)lock;
  (void)folder;
}
void supervision_note_resumable(const char *folder) { (void)folder; }
const char *supervision_resumable(void) { return ""; }
void supervision_remove_unfinished(void) {}

#endif
