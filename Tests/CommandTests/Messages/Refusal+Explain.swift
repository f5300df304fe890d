import Foundation
import HDF5

/// What keeps `explain` from showing something.
extension Refusal {
  static let explain: [Refusal] = [
    Refusal(
      "ExplainError.noSuchBatch", arguments: ["explain", "identity", "--batch", "8"], exitCode: 65,
      "the sample has no batch 8; --batch takes 0...7, or choose another --batch-size"),
    Refusal(
      "InspectionError.noSuchBatch",
      arguments: ["explain", "identity", "--in", "rank2.h5", "--batch-size", "8", "--batch", "3"],
      exitCode: 65, "rank2.h5: /layer has no batch 3; --batch takes 0...2, or choose another --batch-size"),
    Refusal(
      "ExplainError.noLabels", arguments: ["explain", "landscape", "--in", "rank2.h5", "--out", "out.h5"],
      exitCode: 65,
      "rank2.h5: /layer has no dataset `labels` with the class of each sample, which this topic trains on; add one of "
        + "integers, [N], to the layer's group or, for all layers, to a group around it"),
    Refusal(
      "ExplainError.noLabels",
      input: layer {
        try $0.addTensors([4, 3])
        try $0.add("class_labels", [0, 1, 0, 1], type: .int64)
      },
      arguments: percentiles, exitCode: 65,
      "in.h5: /layer has no dataset `labels` with the class of each sample, which this topic trains on; name it in the "
        + #"configuration, as in {"datasets": {"labels": "class_labels"}}"#),
    Refusal(
      "StreamError.twoNames",
      input: layer {
        try $0.addTensors([4, 3])
        for name in ["labels", "targets"] { try $0.add(name, [0, 1, 0, 1], type: .int64) }
      },
      arguments: percentiles, exitCode: 65,
      "in.h5: /layer holds both `labels` and `targets`, two names for one thing; remove one, or choose with `datasets` in the "
        + "configuration"),
    // And so of those that all layers share.
    Refusal(
      "StreamError.twoNames",
      input: .made { program in
        try program.make { root in
          try root.createGroup("layer").addTensors([4, 3])
          for name in ["labels", "targets"] { try root.add(name, [0, 1, 0, 1], type: .int64) }
        }
      },
      arguments: percentiles, exitCode: 65,
      "in.h5: /layer holds both `labels` and `targets`, two names for one thing; remove one, or choose with `datasets` in the "
        + "configuration"),
    Refusal(
      "ExplainError.tooFewClasses", input: labels { _ in 3 }, arguments: percentiles, exitCode: 65,
      "in.h5: /layer/labels has one class only; a network learns to tell two or more apart"),
    Refusal(
      "ExplainError.tooFewClasses", input: labels(samples: 0) { $0 }, arguments: percentiles, exitCode: 65,
      "in.h5: /layer/labels has no class; a network learns to tell two or more apart"),
    Refusal(
      "ExplainError.tooManyClasses", input: labels(samples: 1001) { $0 }, arguments: percentiles,
      exitCode: 65,
      "in.h5: /layer/labels has 1001 different numbers, more than the 1000 that are taken for classes; give each sample "
        + "the number of its class"),
    Refusal(
      "StreamError.labelsInvalid", "LabelsProblem.notOneForEachSample",
      input: layer {
        try $0.addTensors([4, 3])
        try $0.add("labels", [0, 1, 2], type: .int64)
      },
      arguments: percentiles, exitCode: 65,
      "in.h5: /layer/labels has shape [3], but there are 4 samples, each of which has one class; write it with shape [4]"
    ),
    Refusal(
      "StreamError.labelsInvalid", "LabelsProblem.notIntegers",
      input: layer {
        try $0.addTensors([4, 3])
        try $0.add("labels", [0, 1, 0, 1])
      },
      arguments: percentiles, exitCode: 65,
      "in.h5: /layer/labels holds float64, but labels are integers, the number of each sample's class; convert it to int64"
    ),
    Refusal(
      "StreamError.labelsInvalid", "LabelsProblem.negative", input: labels { $0 == 2 ? -1 : $0 },
      arguments: percentiles, exitCode: 65,
      "in.h5: /layer/labels[2] is -1, but classes count from 0; give each sample the number of its class, and leave out "
        + "samples that have none"),
    Refusal(
      "ExplainError.notFinite",
      input: layer {
        try $0.add("activations", [1, .nan, 2, 3, .infinity, 5], shape: [3, 2])
        try $0.add("labels", [0, 1, 0], type: .int64)
      },
      arguments: percentiles, exitCode: 65, notFinite),
    Refusal(
      "ExplainError.notFinite",
      input: layer { try $0.add("activations", [1, .nan, 2, 3, .infinity, 5], shape: [3, 2]) },
      arguments: ["explain", "saturation", "--in", "in.h5"], exitCode: 65, notFinite),
    // Of either tensor, and of both together.
    Refusal(
      "ExplainError.notFinite",
      input: layer {
        try $0.add("activations", [1, 7, 2, 3, 4, 5], shape: [3, 2])
        try $0.add("grad_output", [1, .nan, 2, 3, .infinity, 5], shape: [3, 2])
      },
      arguments: ["explain", "adjoints", "--in", "in.h5"], exitCode: 65, notFinite),
    Refusal(
      "ExplainError.notFinite",
      input: layer {
        try $0.add("activations", [1, 7, 2, .nan, 4, 5], shape: [3, 2])
        try $0.add("grad_output", [-.infinity, 1, 2, 3, 4, 5], shape: [3, 2])
      },
      arguments: ["explain", "bias-drift", "--in", "in.h5"], exitCode: 65, notFinite),
    Refusal(
      "ExplainError.notFinite",
      input: layer { try $0.add("activations", [1, .nan, 2, 3, .infinity, 5], shape: [3, 2]) },
      arguments: ["explain", "whitening", "--in", "in.h5"], exitCode: 65, notFinite),
    Refusal(
      "StreamError.needsMemory", "MemoryUse.allSamples", input: labels(samples: 500_000) { $0 % 2 },
      arguments: percentiles, options: ["--memory", "24MiB", "--threads", "1"], exitCode: 78,
      "in.h5: holding all 500000 samples, in double precision, of /layer needs ‹size› of memory, but the limit is 24 MiB; "
        + "give --memory ‹number›MiB"),
    Refusal(
      "StreamError.needsMemory", "MemoryUse.covariance", input: layer { try $0.addTensors([2, 2000]) },
      arguments: ["explain", "whitening", "--in", "in.h5"], options: ["--memory", "64MiB"], exitCode: 78,
      "in.h5: the covariance of all 2000 features and its decomposition of /layer needs ‹size› of memory, but the limit is "
        + "64 MiB; give --memory ‹number›MiB"),
  ]

  private static let percentiles = ["explain", "percentiles", "--in", "in.h5"]

  private static let notFinite =
    "in.h5: /layer has 2 values that are infinite or NaN, which no experiment can tell anything from; choose another "
    + "batch, or find them with `run`"

  private static func labels(samples: Int = 4, _ label: @escaping @Sendable (Int) -> Int) -> Input {
    layer {
      try $0.addTensors([samples, 3], gradient: false)
      try $0.add("labels", (0..<samples).map { Double(label($0)) }, type: .int64)
    }
  }
}
