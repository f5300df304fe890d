import Foundation
import HDF5

/// What keeps `trace`, `check` and `verify` from answering.
extension Refusal {
  static let inspection: [Refusal] =
    [
      Refusal(
        "InspectionError.noSuchBatch", arguments: ["trace", "--in", "rank2.h5", "--out", "out.h5"],
        options: ["--batch-size", "8", "--batch", "3"], exitCode: 65,
        "rank2.h5: /layer has no batch 3; --batch takes 0...2, or choose another --batch-size"),
      // Also before it is looked whether the batch can be printed.
      Refusal(
        "InspectionError.noSuchBatch", arguments: ["trace", "--in", "rank2.h5", "--print"],
        options: ["--batch-size", "8", "--batch", "3"], exitCode: 65,
        "rank2.h5: /layer has no batch 3; --batch takes 0...2, or choose another --batch-size"),
      Refusal(
        "InspectionError.noSuchBatch", input: layer { try $0.addTensors([0, 3]) },
        arguments: ["trace", "--in", "in.h5", "--out", "out.h5"], exitCode: 65,
        "in.h5: /layer has no batches; choose a layer with samples, or a smaller --batch-size"),
      Refusal(
        "InspectionError.tooLargeToPrint", input: layer { try $0.addTensors([100, 3]) },
        arguments: ["trace", "--in", "in.h5", "--print"], exitCode: 65,
        "in.h5: batch 0 of /layer is [100, 3], too large to print; --print takes up to 256 numbers: choose a smaller --batch-size, or "
          + "write all to --out without --print"),
      Refusal(
        "InspectionError.nothingInBatch",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("batch_offsets", [0, 0, 4], type: .int64)
        },
        arguments: ["trace", "--in", "in.h5", "--out", "out.h5"], exitCode: 65,
        "in.h5: batch 0 of /layer has no value that counts; choose another --batch"),
      Refusal(
        "InspectionError.nothingInBatch",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("mask", [0, 0, 0, 0], type: .int8)
        },
        arguments: ["trace", "--in", "in.h5", "--dot"], exitCode: 65,
        "in.h5: batch 0 of /layer has no value that counts; choose another --batch"),
      Refusal(
        "InspectionError.twoResults",
        input: against { for name in ["grad_gamma", "weight.grad"] { try $0.add(name, [1, 1, 1]) } },
        arguments: verify, exitCode: 65,
        "other.h5: /layer holds both `grad_gamma` and `weight.grad`, two names for one result; remove one"),
      Refusal(
        "InspectionError.nothingFolded", input: against { _ in }, arguments: verify + ["--folded"],
        exitCode: 65,
        "other.h5: holds no folded parameters for /layer of in.h5; they lie in groups of the same names, or under /expected, as "
          + "`scale` and `bias`, or as `folded/scale` and `folded/bias`"),
      // What is linked to is not opened.
      Refusal(
        "StreamError.libraryReadFailed",
        input: against {
          try $0.add("other", [1, 1, 1])
          $0.addSoftLink("scale", to: "/layer/other")
        },
        arguments: verify + ["--folded"], exitCode: 65,
        "other.h5: cannot open dataset /layer/scale: it is a soft link, and only hard links are followed; the file may be damaged"
      ),
      Refusal(
        "InspectionError.nothingToCompare", input: against { _ in }, arguments: verify, exitCode: 65,
        "other.h5: holds no results for /layer of in.h5; they lie in groups of the same names, or under /expected, as "
          + "`output`, `grad_input`, `grad_gamma` or `weight.grad`, and so on"),
      Refusal(
        "InspectionError.goldenWithMask",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("mask", [1, 1, 0, 1], type: .int8)
        },
        arguments: golden, exitCode: 65,
        "in.h5: /layer has a mask, and vectors have none; choose other layers with --layer, or set it aside with \"datasets\": "
          + "{\"mask\": \"none\"} in --config"),
      Refusal(
        "InspectionError.nothingForGolden", input: layer { try $0.addTensors([0, 3]) }, arguments: golden,
        exitCode: 65,
        "in.h5: /layer has no samples to write vectors of; choose other layers with --layer"),
      Refusal(
        "InspectionError.goldenTooLarge", input: layer { try $0.addTensors([32, 1, 200, 200]) },
        arguments: golden, exitCode: 65,
        "in.h5: vectors of /layer would be [32, 1, 200, 200], and at most 1048576 numbers are allowed; give fewer --golden-samples "
          + "or --golden-features"),
      Refusal(
        "InspectionError.goldenTooLarge",
        arguments: ["verify", "--write-golden", "out.h5", "--golden-samples", "60000"],
        options: ["--golden-features", "20"], exitCode: 64,
        "vectors of /uneven_batches would be [60000, 20], and at most 1048576 numbers are allowed; give fewer --golden-samples or "
          + "--golden-features"),
      Refusal(
        "InspectionError.goldenTooMany",
        input: .made {
          try $0.make { root in
            for number in 0..<9 {
              try root.createGroup("bn\(number)").addTensors([64, 8, 45, 45], gradient: false, type: .int8)
            }
          }
        },
        arguments: golden, exitCode: 65,
        "in.h5: vectors of 9 layers would have more than 8388608 numbers; choose some with --layer, or give fewer --golden-samples"
      ),
      Refusal(
        "InspectionError.noSuchCase",
        arguments: ["verify", "--write-golden", "out.h5", "--layer", "padding"], exitCode: 64,
        "no case matches padding; there is /uneven_batches, /channels_first, /channels_last, /large_mean, /tiny_variance, "
          + "/huge_values, /constant_feature, /outlier, /one_sample"),
      Refusal(
        "StreamError.wrongShape", input: against { try $0.add("output", [1, 2], shape: [1, 2]) },
        arguments: verify,
        exitCode: 65,
        "other.h5: /layer/output has shape [1, 2], but /layer of the input needs [4, 3]; write it with that shape"
      ),
      Refusal(
        "StreamError.needsMemory", "MemoryUse.graph", input: layer { try $0.addTensors([2000, 300]) },
        arguments: ["trace", "--in", "in.h5", "--out", "out.h5", "--memory", "20MiB"],
        options: ["--batch-size", "all", "--threads", "1"], exitCode: 78,
        "in.h5: the graph of batch 0 (2000 samples, every node in double precision) of /layer needs ‹size› of memory, but the "
          + "limit is 20 MiB; give --memory ‹number›MiB"),
    ]
    // What the inputs of run may not be, those of the others may not be either.
    + ["trace", "check", "verify"].flatMap { command in
      let rest = ["trace": ["--dot"], "verify": ["--against", "rank2.h5"]][command] ?? []
      return [
        Refusal(
          "StreamError.noSuchInput", arguments: [command, "--in", "absent.h5"] + rest, exitCode: 66,
          "absent.h5: there is no such file; check --in"),
        Refusal(
          "StreamError.noLayerSelected", arguments: [command, "--in", "rank2.h5", "--layer", "x"] + rest,
          exitCode: 65, "rank2.h5: no layer matches x; there is /layer"),
        Refusal(
          "ConfigurationError.unknownKey", configuration: #"{"eps": 1}"#,
          arguments: [command, "--in", "rank2.h5"] + rest, exitCode: 78,
          "config.json:1:2: eps is not a known key; did you mean epsilon?"),
      ]
    }

  private static let golden = ["verify", "--in", "in.h5", "--write-golden", "out.h5"]
  private static let verify = ["verify", "--in", "in.h5", "--against", "other.h5"]

  /// A small input in.h5, and a file other.h5 with one group `layer`.
  private static func against(_ build: @escaping @Sendable (Group) throws -> Void) -> Input {
    .made {
      try $0.make { try $0.createGroup("layer").addTensors([4, 3]) }
      try $0.make("other.h5") { try build($0.createGroup("layer")) }
    }
  }
}
