import Foundation
import HDF5

/// What is wrong with numbers of the input, or with what the configuration makes of them.
extension Refusal {
  static let values: [Refusal] =
    offsets + attributes + [
      Refusal(
        "StreamError.negativeVariance",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.addRunningStatistics([0, 0, 0], [1, 0, -0.5])
        },
        options: ["--statistics", "running"], exitCode: 65,
        "in.h5: /layer/running_var[2] is -0.5, which has no square root, also with the epsilon 1e-05 added; correct it, or give "
          + "the --epsilon that it was stored with"),
      // For dx alone, too.
      Refusal(
        "StreamError.negativeVariance",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.addRunningStatistics([0, 0, 0], [1, 0, -0.5])
        },
        configuration: #"{"outputs": ["grad_input"]}"#, options: ["--statistics", "running"], exitCode: 65,
        "in.h5: /layer/running_var[2] is -0.5, which has no square root, also with the epsilon 1e-05 added; correct it, or give "
          + "the --epsilon that it was stored with"),
      Refusal(
        "StreamError.nonfiniteGiven",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("gamma", [1, .infinity, .nan])
        },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        #"in.h5: /layer/gamma[1] is inf, the first of 2 infinities and NaN, which "nonfinite": "error" forbids; correct it, or "#
          + #"count them with "nonfinite": "count""#),
      // So many are looked at in several pieces.
      Refusal(
        "StreamError.nonfiniteGiven",
        input: layer {
          try $0.addTensors([2, 70_001], gradient: false)
          var gamma = Array(repeating: 1.0, count: 70_001)
          gamma[65_540] = .infinity
          try $0.add("gamma", gamma)
        },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        #"in.h5: /layer/gamma[65540] is inf, which "nonfinite": "error" forbids; correct it, or count them with "#
          + #""nonfinite": "count""#),
      Refusal(
        "StreamError.nonfiniteGiven",
        input: layer {
          try $0.addTensors([2, 70_001], gradient: false)
          var gamma = Array(repeating: 1.0, count: 70_001)
          for feature in [5, 65_540, 70_000] { gamma[feature] = .infinity }
          try $0.add("gamma", gamma)
        },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        #"in.h5: /layer/gamma[5] is inf, the first of 3 infinities and NaN, which "nonfinite": "error" forbids; correct it, or "#
          + #"count them with "nonfinite": "count""#),
      Refusal(
        "StreamError.nonfiniteGiven",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.addRunningStatistics([0, 0, .nan], [1, 1, 1])
        },
        configuration: #"{"nonfinite": "error"}"#, options: ["--statistics", "running"], exitCode: 65,
        #"in.h5: /layer/running_mean[2] is nan, which "nonfinite": "error" forbids; correct it, or count them with "#
          + #""nonfinite": "count""#),
      Refusal(
        "StreamError.singleValueBatch", input: layer { try $0.addTensors([5, 3]) },
        options: ["--batch-size", "4"], exitCode: 65,
        "in.h5: batch 1 of /layer has one value per feature, so its variance says nothing; choose another --batch-size, or "
          + #"set "single_value_batch": "allow" for y = beta"#),
      Refusal(
        "StreamError.singleValueBatch",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("mask", [0, 1, 0, 0], type: .int8)
        },
        exitCode: 65,
        "in.h5: batch 0 of /layer has one value per feature, so its variance says nothing; choose another --batch-size, or "
          + #"set "single_value_batch": "allow" for y = beta"#),
      Refusal(
        "StreamError.nothingCounts",
        input: layer {
          try $0.addTensors([4, 3])
          try $0.add("mask", [1, 1, 0, 0], type: .int8)
        },
        options: ["--batch-size", "2"], exitCode: 65,
        "in.h5: the mask of /layer lets no value of batch 1 count, so there are no statistics; correct the mask, or set "
          + #""single_value_batch": "allow" for y = beta"#),
      // In the first batch and in another, and of each type that has NaN.
      notANumber(.float32), notANumber(.float32, options: ["--batch-size", "2"]), notANumber(.float64),
      notANumber(.native(.float16)), notANumber(.native(.bfloat16)),
      notANumber(NumericType(kind: .float32, byteOrder: .big)),
      Refusal(
        "StreamError.partialBatch", input: layer { try $0.addTensors([19, 3]) },
        configuration: #"{"partial_batch": "error", "batch_size": 4}"#, exitCode: 65,
        #"in.h5: the last batch of /layer has 3 of 4 samples, which "partial_batch": "error" forbids; choose a --batch-size "#
          + #"that divides the samples, or "keep" or "drop""#),
      Refusal(
        "StreamError.nonfinite",
        input: layer { try $0.add("activations", [1, 2, 3, .nan, 5, .infinity, 7, 8], shape: [4, 2]) },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        #"in.h5: feature 1 of /layer has 2 values that are infinite or NaN in batch 0, which "nonfinite": "error" forbids; "#
          + #"repair the data, or count them with "nonfinite": "count""#),
      Refusal(
        "StreamError.nonfinite",
        input: layer { try $0.add("activations", [1, 2, 3, 4, .nan, 6, 7, 8], shape: [4, 2]) },
        configuration: #"{"nonfinite": "error", "batch_size": 2}"#, exitCode: 65,
        #"in.h5: feature 0 of /layer has a value that is infinite or NaN in batch 1, which "nonfinite": "error" forbids; "#
          + #"repair the data, or count them with "nonfinite": "count""#),
      Refusal(
        "StreamError.overflow", "Overflow.variance",
        input: layer { try $0.add("activations", [1, 2, 1, 1e200], shape: [2, 2]) },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        #"in.h5: the variance of feature 1 of /layer in batch 0 exceeds the range of double precision, which "nonfinite": "#
          + #""error" forbids; scale the activations down, or let the feature be spoiled with "nonfinite": "count""#
      ),
      // Results are not normalized by it, but it is among them.
      Refusal(
        "StreamError.overflow", "Overflow.variance",
        input: layer {
          try $0.add("activations", [1, 2, 1, 1e200], shape: [2, 2])
          try $0.addRunningStatistics([0, 0], [1, 1])
        },
        configuration: #"{"nonfinite": "error", "statistics": "running"}"#, exitCode: 65,
        #"in.h5: the variance of feature 1 of /layer in batch 0 exceeds the range of double precision, which "nonfinite": "#
          + #""error" forbids; scale the activations down, or let the feature be spoiled with "nonfinite": "count""#
      ),
      Refusal(
        "StreamError.overflow", "Overflow.gradient",
        input: layer {
          try $0.add("activations", [1, 2, 3, 4], shape: [2, 2])
          try $0.add("grad_output", [1.5e308, 1, -1.5e308, 1], shape: [2, 2])
        },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        "in.h5: the gradient of gamma or beta of feature 0 of /layer in batch 0 exceeds the range of double precision, which "
          + #""nonfinite": "error" forbids; scale the activations or gradients down, or let the feature be spoiled with "#
          + #""nonfinite": "count""#),
      // Where a mask leaves something out, too.
      Refusal(
        "StreamError.overflow", "Overflow.gradient",
        input: layer {
          try $0.add("activations", [1, 2, 3, 4, 5, 6], shape: [3, 2])
          try $0.add("grad_output", [1.5e308, 1, 1.5e308, 1, 0, 0], shape: [3, 2])
          try $0.add("mask", [1, 1, 0], type: .int8)
        },
        configuration: #"{"nonfinite": "error"}"#, exitCode: 65,
        "in.h5: the gradient of gamma or beta of feature 0 of /layer in batch 0 exceeds the range of double precision, which "
          + #""nonfinite": "error" forbids; scale the activations or gradients down, or let the feature be spoiled with "#
          + #""nonfinite": "count""#),
      Refusal(
        "StreamError.needsMemory", "MemoryUse.smallestPart", options: ["--memory", "1MiB", "--threads", "1"],
        exitCode: 78,
        "rank2.h5: the smallest part of a batch (19 samples) of /layer needs ‹size› of memory, but the limit is 1 MiB; give "
          + "--memory ‹number›MiB"),
    ]

  private static let offsets: [Refusal] = [
    Refusal(
      "StreamError.offsetsInvalid", "OffsetsProblem.notIntegers",
      input: withOffsets([0, 4], type: .float32),
      exitCode: 65,
      "in.h5: /layer/batch_offsets holds float32, but batch boundaries are integers; convert it to int64"),
    Refusal(
      "StreamError.offsetsInvalid", "OffsetsProblem.notAVector",
      input: layer {
        try $0.addTensors([4, 3])
        try $0.add("batch_offsets", [0, 2, 2, 4], shape: [2, 2], type: .int64)
      }, exitCode: 65,
      "in.h5: /layer/batch_offsets has shape [2, 2]; batch boundaries are a vector, [batches + 1]"),
    Refusal(
      "StreamError.offsetsInvalid", "OffsetsProblem.tooFew", input: withOffsets([]), exitCode: 65,
      "in.h5: /layer/batch_offsets has 0 entries; it needs one more than there are batches, from 0 to the number of samples"
    ),
    Refusal(
      "StreamError.offsetsInvalid", "OffsetsProblem.firstIsNotZero", input: withOffsets([1, 4]),
      exitCode: 65,
      "in.h5: /layer/batch_offsets begins with 1; the first batch begins at 0"),
    Refusal(
      "StreamError.offsetsInvalid", "OffsetsProblem.decreases", input: withOffsets([0, 3, 2, 4]),
      exitCode: 65,
      "in.h5: /layer/batch_offsets decreases from 3 to 2 at index 2; batch boundaries ascend"),
    Refusal(
      "StreamError.offsetsInvalid", "OffsetsProblem.lastIsNotSampleCount", input: withOffsets([0, 2, 5]),
      exitCode: 65,
      "in.h5: /layer/batch_offsets ends with 5, but there are 4 samples; the last boundary is the number of samples"
    ),
  ]

  private static func withOffsets(_ offsets: [Double], type: NumericType.Kind = .int64) -> Input {
    layer {
      try $0.addTensors([4, 3])
      try $0.add("batch_offsets", offsets, type: type)
    }
  }

  private static let attributes: [Refusal] = [
    attribute("epsilon", "-0.5", atLeast0) { try $0.writeAttribute("epsilon", -0.5) },
    attribute("epsilon", #""much""#, atLeast0) { try $0.writeAttribute("epsilon", "much") },
    attribute("epsilon", "of another type", atLeast0) { try $0.writeAttribute("epsilon", ["1", "2"]) },
    attribute("momentum", "1.5", from0To1) { try $0.writeAttribute("momentum", 1.5) },
    attribute("momentum", #""0.1""#, from0To1) { try $0.writeAttribute("momentum", "0.1") },
    attribute("running_variance", #""half""#, variances) {
      try $0.writeAttribute("running_variance", "half")
    },
    attribute("running_variance", "1", variances) { try $0.writeAttribute("running_variance", 1) },
    attribute("feature_axis", "0", not0) { try $0.writeAttribute("feature_axis", 0) },
    attribute("feature_axis", #""last""#, not0) { try $0.writeAttribute("feature_axis", "last") },
    attribute("batch_size", "0", atLeast1) { try $0.writeAttribute("batch_size", 0) },
    attribute("batch_size", #""none""#, atLeast1) { try $0.writeAttribute("batch_size", "none") },
    attribute("statistics", #""Running""#, "batch or running") {
      try $0.writeAttribute("statistics", "Running")
    },
    attribute("statistics", "1", "batch or running") { try $0.writeAttribute("statistics", 1) },
  ]
  private static let atLeast0 = "a finite number of at least 0"
  private static let from0To1 = "a number from 0 to 1, or none for the cumulative average"
  private static let not0 = "an integer of at least 1, or a negative one that counts from the last axis"
  private static let atLeast1 = "an integer of at least 1, or all"
  private static let variances = "unbiased or biased"

  private static func notANumber(_ type: NumericType, options: [String] = []) -> Refusal {
    Refusal(
      "StreamError.maskNotANumber",
      input: layer {
        try $0.addTensors([4, 3, 2])
        let mask = try $0.createDataset("mask", type: type, shape: [4, 1, 2], storage: .contiguous)
        try mask.writeDoubles([1, 0, 1, 0.5, 1, .nan, 1, 1])
        // The NaN that is nearest to infinity, which the library does not write.
        if type == .native(.float16) {
          let bits: [UInt16] = [0x3C00, 0, 0x3C00, 0x3800, 0x3C00, 0x7C01, 0x3C00, 0x7C00]
          try bits.withUnsafeBytes { try mask.write(leading: 0..<4, as: type, from: $0) }
        }
      },
      options: options, exitCode: 65,
      "in.h5: /layer/mask[2, 0, 1] is NaN, which does not say whether values count; write 0 where they do not, and another "
        + "number where they do")
  }

  private static func attribute(
    _ name: String, _ value: String, _ allowed: String, write: @escaping @Sendable (Group) throws -> Void
  ) -> Refusal {
    Refusal(
      "StreamError.attributeOutOfRange",
      input: layer {
        try $0.addTensors([4, 3])
        try write($0)
      },
      exitCode: 65,
      "in.h5: attribute `\(name)` of /layer is \(value), but must be \(allowed); correct it, or override it with an option"
    )
  }
}
