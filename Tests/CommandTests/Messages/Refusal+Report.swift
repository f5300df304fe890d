import Foundation
import HDF5
import TestSupport

/// What keeps `report` from telling of a file.
extension Refusal {
  static let report: [Refusal] = [
    Refusal(
      "ReportError.notAResult", arguments: ["report", "rank2.h5"], exitCode: 65,
      "rank2.h5: was not written by bn-stream; it holds activations: run on it first, as in bn-stream --in rank2.h5 --out results.h5"
    ),
    Refusal(
      "ReportError.notAResult", input: .made { try $0.make { try $0.add("numbers", [1, 2]) } },
      arguments: ["report", "in.h5", "--out", "out.html"], exitCode: 65,
      "in.h5: was not written by bn-stream; give a file that a run has written with --out"),
    Refusal(
      "ReportError.noResults", input: results { _ in }, arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: holds no layer with results, as files of trace and explain do not; give one that a run has written"
    ),
    Refusal(
      "ReportError.shapesDisagree",
      input: results {
        let layer = try $0.createGroup("layer")
        try layer.add("population_mean", [1, 2, 3])
        try layer.add("population_var", [1, 2])
      },
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/population_var has shape [2], but the layer's other results need [3]; run the job again"),
    // Rows and sizes of as many batches as there are means.
    Refusal(
      "ReportError.shapesDisagree", input: batches(means: 4, variances: 3, counts: 4),
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/batches/var has shape [3, 2], but the layer's other results need [4, 2]; run the job again"
    ),
    Refusal(
      "ReportError.shapesDisagree", input: batches(means: 4, variances: 4, counts: 3),
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/batches/count has shape [3], but the layer's other results need [4]; run the job again"),
    Refusal(
      "ReportError.shapesDisagree",
      input: results {
        let layer = try $0.createGroup("layer")
        try layer.add("population_mean", [0])
        try layer.createGroup("histograms").add("output", [1, 2, 3], type: .int64)
      },
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/histograms/output has shape [3], but the layer's other results need [2048]; run the job again"
    ),
    // Before memory is taken for as many features, or batches, as the first of its datasets says.
    Refusal(
      "StreamError.largerThanFile",
      input: results {
        _ = try $0.createGroup("layer").createDataset(
          "population_mean", type: .native(.float64), shape: [1 << 34],
          storage: .chunked(shape: [1 << 16], filters: []))
      },
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/population_mean of shape [17179869184] needs 128 GiB, but the file has only ‹size›; the file is truncated or "
        + "damaged, write it anew"),
    Refusal(
      "StreamError.largerThanFile",
      input: results {
        _ = try $0.createGroup("layer").createGroup("batches").createDataset(
          "mean", type: .native(.float64), shape: [1 << 34, 1],
          storage: .chunked(shape: [1 << 16, 1], filters: []))
      },
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/batches/mean of shape [17179869184, 1] needs 128 GiB, but the file has only ‹size›; the file is truncated or "
        + "damaged, write it anew"),
    // Before the shape is looked at.
    Refusal(
      "StreamError.largerThanFile",
      input: results {
        let layer = try $0.createGroup("layer")
        try layer.add("population_mean", [1, 2, 3])
        _ = try layer.createDataset(
          "population_var", type: .native(.float64), shape: [1 << 28],
          storage: .chunked(shape: [1 << 16], filters: []))
      },
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/population_var of shape [268435456] needs 2 GiB, but the file has only ‹size›; the file is truncated or "
        + "damaged, write it anew"),
    Refusal(
      "StreamError.notNumeric",
      input: results {
        try $0.createGroup("layer").addOpaque("population_mean", tag: "pair", shape: [3], [1, 2, 3])
      },
      arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: /layer/population_mean holds opaque elements of 2 bytes ('pair'), not numbers of a known type; convert it to float32 "
        + "or float64"),
    // Also where it is the second of two.
    Refusal(
      "StreamError.notNumeric",
      input: .made { program in
        try program.makeMoments(["in.h5": ["a": 3]])
        try program.make("before.h5") { root in
          let layer = try root.createGroup("a")
          try layer.add("running_mean", [1, 2, 3])
          try layer.addOpaque("running_var", tag: "pair", shape: [3], [1, 2, 3])
        }
      },
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
      "before.h5: /a/running_var holds opaque elements of 2 bytes ('pair'), not numbers of a known type; convert it to float32 or "
        + "float64"),
    Refusal(
      "ReportError.unfinished", input: unfinished, arguments: ["report", "in.h5"], exitCode: 65,
      "in.h5: is what a job has not finished, in in.h5.partial; run the job's command again, which goes on with it"
    ),
    Refusal(
      "ReportError.unfinished", input: unfinished, arguments: ["report", "in.h5.partial/data.h5"],
      exitCode: 65,
      "in.h5.partial/data.h5: is what a job has not finished, in in.h5.partial; run the job's command again, which goes on with it"
    ),
    Refusal(
      "ReportError.unfinished",
      input: .made { try $0.makeFolder(longName.dropLast(25) + "-eec6f07851b4f53a.partial") },
      arguments: ["report", longName], exitCode: 65,
      "\(longName): is what a job has not finished, in \(longName.dropLast(25))-eec6f07851b4f53a.partial; run the job's command "
        + "again, which goes on with it"),
    Refusal(
      "StreamError.noLayerSelected",
      input: results { try $0.createGroup("layer").add("population_mean", [1, 2, 3]) },
      arguments: ["report", "in.h5", "--layer", "other"], exitCode: 65,
      "in.h5: no layer matches other; there is /layer"),
    Refusal(
      "StreamError.outputExists",
      input: .made { program in
        try program.make { try $0.add("numbers", [1, 2]) }
        try program.write("precious", to: "out.html")
      },
      arguments: ["report", "in.h5", "--out", "out.html"], exitCode: 73,
      "out.html: exists already; choose another --out, or replace it with --force"),
    Refusal(
      "StreamError.sameFile", input: results { try $0.createGroup("layer").add("population_mean", [1]) },
      arguments: ["report", "in.h5", "--out", "in.h5", "--force"], exitCode: 73,
      "in.h5: is the file in.h5 itself, which is read; choose another name, what is read is never changed"),
    Refusal(
      "ReportError.nothingInCommon",
      input: .made { program in
        for (name, layer) in [("in.h5", "one"), ("other.h5", "two")] {
          try program.make(name) { root in
            try root.writeAttribute("program", "bn-stream")
            try root.createGroup(layer).add("population_mean", [1])
          }
        }
      },
      arguments: ["compare", "in.h5", "other.h5"], exitCode: 65,
      "other.h5: has no layer in common with in.h5; layers are matched by their paths, which report shows"),
    Refusal(
      "StreamError.noSuchInput", input: results { try $0.createGroup("layer").add("population_mean", [1]) },
      arguments: ["compare", "in.h5", "absent.h5"], exitCode: 66,
      "absent.h5: there is no such file; check <second>"),
    Refusal(
      "ReportError.noMoments", input: results { try $0.createGroup("layer").add("population_mean", [1]) },
      arguments: ["merge", "in.h5", "--out", "out.h5"], exitCode: 65,
      "in.h5: /layer has no group `moments`, from which results are pooled; add \"moments\" to `outputs` of the configuration and "
        + "run the job again"),
    Refusal(
      "ReportError.layerMissing",
      input: .made { try $0.makeMoments(["in.h5": ["a": 1, "b": 1], "other.h5": ["a": 1]]) },
      arguments: ["merge", "in.h5", "other.h5", "--out", "out.h5"], exitCode: 65,
      "other.h5: has no results of /b, which in.h5 has; choose layers that all have with --layer"),
    // Whichever file has it.
    Refusal(
      "ReportError.layerMissing",
      input: .made { try $0.makeMoments(["in.h5": ["a": 1], "other.h5": ["a": 1, "b": 1]]) },
      arguments: ["merge", "in.h5", "other.h5", "--out", "out.h5"], exitCode: 65,
      "in.h5: has no results of /b, which other.h5 has; choose layers that all have with --layer"),
    // Names are bytes: of two that look alike each is a layer of its own.
    Refusal(
      "ReportError.layerMissing",
      input: .made { try $0.makeMoments(["in.h5": ["caf\u{e9}": 1], "other.h5": ["cafe\u{301}": 1]]) },
      arguments: ["merge", "in.h5", "other.h5", "--out", "out.h5"], exitCode: 65,
      "in.h5: has no results of /cafe\u{301}, which other.h5 has; choose layers that all have with --layer"),
    Refusal(
      "ReportError.featuresDiffer",
      input: .made { try $0.makeMoments(["in.h5": ["a": 3], "other.h5": ["a": 2]]) },
      arguments: ["merge", "in.h5", "other.h5", "--out", "out.h5"], exitCode: 65,
      "other.h5: /a has shape [2], but [3] in in.h5; results of one layer of one model are pooled"),
    Refusal(
      "ReportError.noPrior", input: .made { try $0.makeMoments(["in.h5": ["a": 3], "before.h5": ["b": 3]]) },
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
      "before.h5: has neither population_mean and population_var nor running_mean and running_var of /a, which --prior takes"
    ),
    Refusal(
      "ReportError.featuresDiffer", input: before(mean: [1, 2], variance: [1, 1]),
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
      "before.h5: /a has shape [2], but [3] in in.h5; results of one layer of one model are pooled"),
    Refusal(
      "ReportError.featuresDiffer", input: before(mean: [1, 2, 3, 4], variance: [1, 1, 1, 1]),
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
      "before.h5: /a has shape [4], but [3] in in.h5; results of one layer of one model are pooled"),
    Refusal(
      "ReportError.shapesDisagree", input: before(mean: [1, 2, 3], variance: [1, 1]),
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
      "before.h5: /a/running_var has shape [2], but the layer's other results need [3]; run the job again"),
    Refusal(
      "ReportError.shapesDisagree", input: before(mean: [1, 2, 3], variance: [1, 1, 1, 1]),
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "before.h5:8"], exitCode: 65,
      "before.h5: /a/running_var has shape [4], but the layer's other results need [3]; run the job again"),
    Refusal(
      "StreamError.noSuchInput", input: .made { try $0.makeMoments(["in.h5": ["a": 3]]) },
      arguments: ["merge", "in.h5", "--out", "out.h5", "--prior", "absent.h5:8"], exitCode: 66,
      "absent.h5: there is no such file; check --prior"),
    Refusal(
      "StreamError.noSuchInput",
      input: .made { try $0.makeMoments(["in.h5": ["a": 3], "other.h5": ["a": 3]]) },
      arguments: ["merge", "in.h5", "other.h5", "absent.h5", "--out", "out.h5"], exitCode: 66,
      "absent.h5: there is no such file; check <files> 3"),
  ]

  /// A file that says that the program wrote it.
  private static func results(_ build: @escaping @Sendable (Group) throws -> Void) -> Input {
    .made { program in
      try program.make { root in
        try root.writeAttribute("program", "bn-stream")
        try build(root)
      }
    }
  }

  /// Results of batches of two features: means, variances and sizes of so many.
  private static func batches(means: Int, variances: Int, counts: Int) -> Input {
    results {
      let layer = try $0.createGroup("layer")
      try layer.add("population_mean", [0, 0])
      let batches = try layer.createGroup("batches")
      try batches.add("mean", Array(repeating: 0, count: 2 * means), shape: [means, 2])
      try batches.add("var", Array(repeating: 1, count: 2 * variances), shape: [variances, 2])
      try batches.add("count", Array(repeating: 8, count: counts), type: .int64)
    }
  }

  /// A file in.h5 with moments of a layer of three features, and before.h5 with statistics of that layer.
  private static func before(mean: [Double], variance: [Double]) -> Input {
    .made { program in
      try program.makeMoments(["in.h5": ["a": 3]])
      try program.make("before.h5") { try $0.createGroup("a").addRunningStatistics(mean, variance) }
    }
  }

  private static let unfinished = Input.made { program in
    try program.makeFolder("in.h5.partial")
    try program.make("in.h5.partial/data.h5") { _ in }
  }

  /// A name of 255 bytes, as long as there are any: the folder's has its first 230, and FNV-1a of all in their place.
  private static let longName = String(repeating: "n", count: 252) + ".h5"
}

extension Program {
  fileprivate func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(
      at: folder.appending(path: name), withIntermediateDirectories: true)
  }

  /// Files with moments of layers, which have so many features.
  func makeMoments(_ files: [String: [String: Int]]) throws {
    for (name, layers) in files {
      try make(name) { root in
        try root.writeAttribute("program", "bn-stream")
        for (layer, features) in layers {
          let group = try root.createGroup(layer)
          let ones = Array(repeating: 1.0, count: features)
          try group.add("population_mean", ones)
          let moments = try group.createGroup("moments")
          try moments.writeAttribute("samples", 1)
          for vector in ["count", "mean", "mean_rest", "m2", "m2_rest"] { try moments.add(vector, ones) }
        }
      }
    }
  }
}
