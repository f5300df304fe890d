import Foundation
import HDF5
import TestSupport

/// Whatever is asked for, numbers in other files are not read, though the other file is there and holds what would do.
extension Refusal {
  static let foreignStorage: [Refusal] = ForeignStorage.allCases.flatMap { ofRun($0) + ofOthers($0) }

  /// What each of these roles has, of 4 samples and 3 features.
  private static let roles: [(name: String, shape: [Int], type: NumericType.Kind)] = [
    ("gamma", [3], .float64), ("beta", [3], .float64), ("running_mean", [3], .float64),
    ("running_var", [3], .float64), ("batch_offsets", [3], .int64), ("mask", [4], .float64),
    ("grad_output", [4, 3], .float64),
  ]

  private static func ofRun(_ storage: ForeignStorage) -> [Refusal] {
    roles.map { role in
      let input = Input.made { program in
        try program.make { root in
          let layer = try root.createGroup("layer")
          try layer.addTensors([4, 3], gradient: false)
          try layer.addForeign(role.name, shape: role.shape, type: role.type, storage)
        }
        try program.writeForeignNumbers()
      }
      return Refusal(
        "StreamError.foreignStorage", input: input, exitCode: 65, words("in.h5: /layer/\(role.name)", storage)
      )
    }
  }

  /// The classes of `explain`, and the results of `verify`.
  private static func ofOthers(_ storage: ForeignStorage) -> [Refusal] {
    let labels = Input.made { program in
      try program.make { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([12, 3], gradient: false)
        try layer.addForeign("labels", shape: [12], type: .int64, storage)
      }
      try program.writeForeignNumbers()
    }
    let explained = Refusal(
      "StreamError.foreignStorage", input: labels, arguments: ["explain", "percentiles", "--in", "in.h5"],
      exitCode: 65, words("in.h5: /layer/labels", storage))
    let results: [(name: String, shape: [Int])] = [("output", [4, 3]), ("running_mean", [3])]
    let verified = results.map { result in
      let input = Input.made { program in
        try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
        try program.make("other.h5") { root in
          try root.createGroup("layer").addForeign(result.name, shape: result.shape, type: .float64, storage)
        }
        try program.writeForeignNumbers()
      }
      return Refusal(
        "StreamError.foreignStorage", input: input,
        arguments: ["verify", "--in", "in.h5", "--against", "other.h5"], exitCode: 65,
        words("other.h5: /layer/\(result.name)", storage))
    }
    return [explained] + verified
  }

  private static func words(_ dataset: String, _ storage: ForeignStorage) -> String {
    "\(dataset) keeps its data in other files (\(storage.rawValue)), which is not followed; copy the data into the file, "
      + "for example with h5repack -l CONTI"
  }
}
