import HDF5
import Inspection
import LayerFiles

/// Exit codes after `sysexits.h`.
enum ExitStatus: Int32, Sendable {
  /// The output is complete.
  case done = 0
  /// The command line is wrong.
  case usage = 64
  /// The input's data is not what it must be.
  case badInput = 65
  /// There is no such input, or it cannot be read.
  case noInput = 66
  /// A mistake in the program, or a processor or memory that it cannot run with.
  case `internal` = 70
  /// The output exists, or cannot be created.
  case cannotCreate = 73
  /// Reading or writing failed.
  case inputOutput = 74
  /// A signal stopped the run; nothing was written.
  case interrupted = 75
  /// The configuration is wrong, or its memory limit too small.
  case badConfiguration = 78
}

extension StreamError {
  /// The exit code that tells scripts what kind of error this is.
  var exitStatus: ExitStatus {
    switch self {
    case .noSuchInput, .inputUnreadable, .inputIsNotAFile: .noInput
    case .sameFile, .outputExists, .outputIsFolder, .outputIsSpecial, .outputFolderMissing, .outputNotCreated,
      .notEnoughSpace:
      .cannotCreate
    case .readFailed, .writeFailed, .libraryWriteFailed, .inputChanged: .inputOutput
    case .libraryReadFailed(_, let error): error.osErrno == nil ? .badInput : .inputOutput
    case .needsMemory: .badConfiguration
    case .outOfMemory: .internal
    case .interrupted: .interrupted
    case .noLayerSelected: .badInput
    default: .badInput
    }
  }
}

extension InspectionError {
  /// The exit code that tells scripts what kind of error this is.
  var exitStatus: ExitStatus { .badInput }
}
