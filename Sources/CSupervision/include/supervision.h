#pragma once

#include <stdint.h>

/* Two processes: one works, the other watches it and says what became of it. What the worker does at this moment it notes in memory
   that both share: the call of a library in which each thread is, and the file that is not finished.

   Without `supervision_begin` nothing is shared, and notes cost a comparison. */

/// What became of the worker.
typedef enum supervision_end {
  /// It ended by itself, with an exit code.
  supervision_exited,
  /// A thread of it did what a processor or the C library refuses, outside of the noted calls.
  supervision_fault,
  /// A thread of it did so inside the call that is named.
  supervision_fault_in_call,
  /// The call that is named used too much of the processor's time, and the worker was ended.
  supervision_loop_in_call,
  /// A signal from outside ended it.
  supervision_killed,
  /// It was asked to stop, did not in time, or was asked again, and was ended.
  supervision_stopped,
} supervision_end;

typedef struct supervision_outcome {
  supervision_end end;
  /// The exit code, or the signal that ended it.
  int number;
  /// The C function's name.
  char call[48];
} supervision_outcome;

/// Divides the process in two. Call it first of all, while there is one thread.
///
/// Signals that ask for a stop (INT, TERM, HUP, USR1, USR2, XCPU, QUIT) are passed on, as are those that stop and continue. The
/// worker begins with them blocked, so that none is lost before `supervision_handle_stops`. What is ignored stays so.
///
/// Returns 1 in the worker, 0 in the watcher once the worker has ended, -1 if there is only one process, as before.
int supervision_begin(supervision_outcome *outcome);

/// Runs `body` in a new thread, and ends the process when it returns. For the worker.
///
/// Swift's runtime remembers the number of each thread, by which a lock knows its owner. In a process that was divided off, the first thread has the
/// number of another process there: who waits for what it has locked would do so for ever.
_Noreturn void supervision_run(void (*body)(void));

/// Calls `request`, which is safe in a signal handler, at each signal that asks for a stop, and lets those come that are
/// blocked. What is ignored stays so. Without a watcher a second one, more than half a second later, ends the process.
void supervision_handle_stops(void (*request)(void));

/// Notes that this thread enters a call of a library.
void supervision_enter(const char *function);

/// Notes that the call goes on, for one that reports as it does.
void supervision_proceed(void);

/// Notes that this thread has left the call.
void supervision_leave(void);

/// Notes a file to be removed should the worker die, the file whose lock says whose it is, and the folder that both lie in; NULL for
/// none.
void supervision_note_unfinished(const char *file, const char *other_file, const char *lock, const char *folder);

/// Notes the folder of which a later run can go on, should the worker die; NULL for none.
void supervision_note_resumable(const char *folder);

/// The folder that the worker noted so; empty if there is none. For the watcher.
const char *supervision_resumable(void);

/// Removes what the worker noted as unfinished; for the watcher.
void supervision_remove_unfinished(void);
