import Configuration
import Explain
import Foundation
import HDF5
import Inspection
import LayerFiles

/// Exit codes, those for errors after `sysexits.h`: what tells scripts how a command ended. Their words are in ``words``.
enum ExitStatus: Int32, CaseIterable, Sendable {
  case done = 0
  case disagreement = 1
  case usage = 64
  case badInput = 65
  case noInput = 66
  case `internal` = 70
  case cannotCreate = 73
  case inputOutput = 74
  case interrupted = 75
  case badConfiguration = 78

  /// What the code means: in the few words of `--help`, and in the sentence of the documents' tables.
  var words: (short: String, sentence: String) {
    switch self {
    case .done: ("done", "done")
    case .disagreement:
      (
        "if check, verify or compare finds a disagreement",
        "`check`, `verify`, or `compare` with `--fail-above`, found a disagreement, or data that proves nothing"
      )
    case .usage: ("usage", "wrong command line")
    case .badInput: ("bad input data", "bad input data")
    case .noInput: ("no such input", "no such input, or it cannot be read")
    case .internal: ("internal", "internal error, or a processor that this build does not support")
    case .cannotCreate:
      ("output exists or cannot be created", "the output exists, or cannot be created")
    case .inputOutput: ("input/output error", "input/output error")
    case .interrupted:
      (
        "interrupted",
        "interrupted by a signal, or killed; no output has its name, run it again: it goes on where it was"
      )
    case .badConfiguration:
      ("bad configuration", "bad configuration, or a memory limit that is too small")
    }
  }

  /// All codes in the program's help; the one that is no error comes last.
  static var helpText: String {
    let errors = allCases.filter { $0 != .disagreement }.map { "\($0.rawValue) \($0.words.short)" }
    return "Exit codes: \(errors.joined(separator: ", ")); "
      + "\(disagreement.rawValue) \(disagreement.words.short)."
  }
}

extension StreamError: ReportableError {
  var exitStatus: ExitStatus {
    switch self {
    case .inputsUnusable(let inputs, _): inputs.first?.error.exitStatus ?? .badInput
    case .noSuchInput, .noInputMatches, .inputUnreadable, .inputIsNotAFile, .inputLocked: .noInput
    case .sameFile, .outputExists, .outputIsFolder, .outputIsSpecial, .outputFolderMissing, .outputNotCreated,
      .outputBusy, .outputTakenOver, .workspaceOfAnotherJob, .outputOfAnotherJob, .notEnoughSpace:
      .cannotCreate
    case .readFailed, .writeFailed, .libraryWriteFailed, .inputChanged: .inputOutput
    case .libraryReadFailed(_, let error): error.osErrno == nil ? .badInput : .inputOutput
    case .needsMemory, .missingEncoder: .badConfiguration
    case .refusedByStrict(_, let warnings):
      switch warnings.first?.origin {
      case .option: .usage
      case .configuration: .badConfiguration
      default: .badInput
      }
    case .outOfMemory: .internal
    case .interrupted, .suspended, .shardBusy, .shardDamaged, .waitsForShards: .interrupted
    case .noLayerSelected: .badInput
    default: .badInput
    }
  }
}

extension InspectionError: ReportableError {
  var exitStatus: ExitStatus {
    switch self {
    // Without an input it is the options that are wrong.
    case .goldenTooLarge(nil, _, _, _), .noSuchCase: .usage
    default: .badInput
    }
  }
}

extension ExplainError: ReportableError {
  var exitStatus: ExitStatus { self == .noLAPACK ? .internal : .badInput }
}

extension ConfigurationError: ReportableError {
  var exitStatus: ExitStatus { .badConfiguration }
}

extension OutputLost: ReportableError {
  var exitStatus: ExitStatus { .inputOutput }
}

extension OutputLost: CustomStringConvertible {
  var description: String {
    "standard output: writing failed: \(String(cString: strerror(errorNumber))); the result is lost, "
      + "but a file given with --out is complete"
  }
}

extension DescriptorsLacking: ReportableError {
  var exitStatus: ExitStatus { .inputOutput }
}

extension DescriptorsLacking: CustomStringConvertible {
  var description: String {
    "only \(limit) files may be open at once, which are too few\(inputs > 1 ? " for \(inputs) inputs" : ""), or others take them; "
      + "allow more with `ulimit -n \(Descriptors.enough(inputs: inputs))`"
  }
}
