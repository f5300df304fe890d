import Foundation
import HDF5
import TestSupport

/// Whatever is asked for, numbers in other files are not read, though the other file is there and holds what would do.
extension Refusal {
  static let foreignStorage: [Refusal] = ForeignStorage.allCases.flatMap {
    ofRun($0) + ofOthers($0) + ofResults($0) + ofPriors($0)
  }

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

  /// Vectors and rows of batches of a result, of which the other one in its group lies in the file itself.
  private static func ofResults(_ storage: ForeignStorage) -> [Refusal] {
    let results: [(name: String, shape: [Int], own: String)] = [
      ("population_mean", [3], "population_var"), ("population_var", [3], "population_mean"),
      ("running_mean", [3], "population_mean"), ("grad_gamma", [3], "population_mean"),
      ("batches/mean", [4, 3], "batches/var"), ("batches/var", [4, 3], "batches/mean"),
      ("batches/count", [4], "batches/mean"),
    ]
    let reported = results.map { result -> Refusal in
      Refusal(
        "StreamError.foreignStorage", input: foreignResult(result.name, result.shape, result.own, storage),
        arguments: ["report", "in.h5"], exitCode: 65, words("in.h5: /layer/\(result.name)", storage))
    }
    let statistic = foreignResult("population_mean", [3], "population_var", storage)
    let compared = Refusal(
      "StreamError.foreignStorage", input: statistic, arguments: ["compare", "in.h5", "in.h5"], exitCode: 65,
      words("in.h5: /layer/population_mean", storage))
    let moments = foreignResult("moments/mean", [3], "moments/count", storage)
    let merged = Refusal(
      "StreamError.foreignStorage", input: moments, arguments: ["merge", "in.h5", "--out", "out.h5"],
      exitCode: 65, words("in.h5: /layer/moments/mean", storage))
    return reported + [compared, merged]
  }

  /// A file in.h5 of which a result lies in another one, and its neighbour, of the same shape of ones, does not.
  private static func foreignResult(
    _ name: String, _ shape: [Int], _ own: String, _ storage: ForeignStorage
  ) -> Input {
    Input.made { program in
      try program.make { root in
        try root.writeAttribute("program", "bn-stream")
        let layer = try root.createGroup("layer")
        let names = name.split(separator: "/").map(String.init)
        let group = try names.count > 1 ? layer.createGroup(names[0]) : layer
        let type: NumericType.Kind = name == "batches/count" ? .int64 : .float64
        try group.addForeign(names.last ?? name, shape: shape, type: type, storage)
        let ownShape = own.hasPrefix("batches/") ? [4, 3] : [3]
        let ones = Array(repeating: 1.0, count: ownShape.reduce(1, *))
        let ownName = own.split(separator: "/").last.map(String.init) ?? own
        try group.add(ownName, ones, shape: ownShape)
      }
      try program.writeForeignNumbers()
    }
  }

  /// Statistics of before, which --prior takes.
  private static func ofPriors(_ storage: ForeignStorage) -> [Refusal] {
    let statistics = [
      ("population_mean", "population_var"), ("population_var", "population_mean"),
      ("running_mean", "running_var"), ("running_var", "running_mean"),
    ]
    return statistics.map { foreign, own -> Refusal in
      let input = Input.made { program in
        try program.makeMoments(["in.h5": ["a": 3]])
        try program.make("before.h5") { root in
          let layer = try root.createGroup("a")
          try layer.addForeign(foreign, shape: [3], type: .float64, storage)
          try layer.add(own, [1, 1, 1])
        }
        try program.writeForeignNumbers()
      }
      return Refusal(
        "StreamError.foreignStorage", input: input,
        arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
        words("before.h5: /a/\(foreign)", storage))
    }
  }

  private static func words(_ dataset: String, _ storage: ForeignStorage) -> String {
    "\(dataset) keeps its data in other files (\(storage.rawValue)), which is not followed; copy the data into the file, "
      + "for example with h5repack -l CONTI"
  }
}
