import HDF5

/// Exit codes after `sysexits.h`.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  case usage = 64
  case badInput = 65
  case noInput = 66
  case `internal` = 70
  case cannotCreate = 73
  case inputOutput = 74
  case interrupted = 75
  case badConfiguration = 78
}

extension PipelineError {
  /// The exit code that tells scripts what kind of error this is.
  public var exitStatus: ExitStatus {
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
