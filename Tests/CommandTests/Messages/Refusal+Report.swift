import Foundation
import HDF5

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
      "in.h5: is the input file in.h5 itself; choose another --out, the input is never changed"),
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

  private static let unfinished = Input.made { program in
    try FileManager.default.createDirectory(
      at: program.folder.appending(path: "in.h5.partial"), withIntermediateDirectories: true)
    try program.make("in.h5.partial/data.h5") { _ in }
  }
}
