import Foundation
import HDF5
import Testing

/// A row of the table of configuration keys that have no option: an input, a value, and what it changes.
struct KeyEffect: Sendable, CustomTestStringConvertible {
  /// As `datasets.gamma`.
  let key: String
  /// JSON of the whole configuration.
  let configuration: String
  /// The commands beside `run` that it changes something in, too.
  let commands: [String]
  /// Fills the group `layer` of in.h5, or the whole file.
  let input: @Sendable (Group) throws -> Void
  let fillsFile: Bool
  /// Compares the results without the configuration, nil if the run is refused, with those under it.
  let changes: @Sendable (Results?, Results) throws -> Void

  /// What a run wrote, and its summary.
  struct Results {
    let layer: Group
    let summary: Summary

    func doubles(_ dataset: String) throws -> [Double] { try layer.dataset(dataset).readDoubles() }
  }

  /// The parts of the summary's only layer that a row is about.
  struct Summary: Decodable {
    struct Layer: Decodable {
      let droppedSamples: Int
      let nonfiniteInputs: Int
      let outputType: String

      private enum CodingKeys: String, CodingKey {
        case droppedSamples = "dropped_samples"
        case nonfiniteInputs = "nonfinite_inputs"
        case outputType = "output_type"
      }
    }

    let layers: [Layer]
  }

  var testDescription: String { configuration }

  init(
    _ key: String, _ configuration: String, also commands: [String] = [], fillsFile: Bool = false,
    input: @escaping @Sendable (Group) throws -> Void = { try $0.addTensors([8, 3]) },
    changes: @escaping @Sendable (Results?, Results) throws -> Void
  ) {
    self.key = key
    self.configuration = configuration
    self.commands = commands
    self.input = input
    self.fillsFile = fillsFile
    self.changes = changes
  }

  /// Keys that no result shows, and why.
  static let withoutEffect = [
    "$schema": "it is there for editors",
    "datasets.labels": "only `explain` reads them: LabelsTests",
    "sync": "it decides only whether the run waits for the disk",
  ]

  static let all = what + storage + names

  private static let what: [KeyEffect] = [
    KeyEffect("gradient", #"{"gradient": "detached"}"#, also: ["trace", "check", "verify"]) {
      before, after throws in
      let before = try #require(before)
      #expect(try before.doubles("output") == after.doubles("output"))
      // γ is 1: dx = invStd·dy.
      let invStd = try after.doubles("batches/inv_std")
      let dy = Group.numbers([8, 3], seed: 2)
      let dx = try after.doubles("grad_input")
      for index in dx.indices { #expect(abs(dx[index] - invStd[index % 3] * dy[index]) < 1e-12) }
      #expect(try before.doubles("grad_input") != dx)
    },
    KeyEffect(
      "partial_batch", #"{"partial_batch": "drop", "batch_size": 3}"#, also: ["check", "verify"]
    ) { before, after throws in
      #expect(try after.layer.dataset("output").shape == [6, 3])
      #expect(try after.layer.dataset("batches/count").readIntegers() == [3, 3])
      #expect(after.summary.layers.map(\.droppedSamples) == [2])
      #expect(before?.summary.layers.map(\.droppedSamples) == [0])
    },
    KeyEffect("partial_batch", #"{"partial_batch": "keep", "batch_size": 3}"#) { _, after throws in
      #expect(try after.layer.dataset("output").shape == [8, 3])
      #expect(try after.layer.dataset("batches/count").readIntegers() == [3, 3, 2])
    },
    KeyEffect(
      "single_value_batch", #"{"single_value_batch": "allow"}"#, also: ["trace", "verify"],
      input: {
        try $0.addTensors([1, 3])
        try $0.add("beta", [4, 5, 6])
      },
      changes: { before, after throws in
        #expect(before == nil)
        #expect(try after.doubles("output") == [4, 5, 6])
        #expect(try after.doubles("grad_input") == [0, 0, 0])
      }),
    KeyEffect(
      "nonfinite", #"{"nonfinite": "count"}"#,
      input: { try $0.add("activations", [1, 2, .nan, 4, 5, 7], shape: [3, 2]) },
      changes: { before, after throws in
        #expect(before?.summary.layers.map(\.nonfiniteInputs) == [1])
        #expect(after.summary.layers.map(\.nonfiniteInputs) == [1])
        #expect(try after.doubles("population_mean")[0].isNaN)
        #expect(try abs(after.doubles("population_mean")[1] - 13 / 3) < 1e-12)
      }),
    KeyEffect("outputs", #"{"outputs": ["normalized", "running"]}"#) { before, after throws in
      #expect(
        try after.layer.links().map(\.name).sorted() == ["normalized", "running_mean", "running_var"])
      // γ and β are 1 and 0.
      #expect(try after.doubles("normalized") == before?.doubles("output"))
      #expect(
        try before?.layer.links().map(\.name).sorted() == [
          "batches", "grad_beta", "grad_gamma", "grad_input", "output", "population_mean",
          "population_var", "running_mean", "running_var",
        ])
    },
    KeyEffect("quantiles", #"{"quantiles": [0, 100]}"#) { before, after throws in
      #expect(try before?.layer.hasLink("quantiles") == false)
      #expect(try after.layer.dataset("quantiles").shape[0] == 2)
    },
    KeyEffect("output_type", #"{"output_type": "float16"}"#) { before, after throws in
      #expect(before?.summary.layers.map(\.outputType) == ["float64"])
      #expect(after.summary.layers.map(\.outputType) == ["float16"])
      for name in ["output", "grad_input"] {
        #expect(try after.layer.dataset(name).type.numericType?.kind == .float16)
        #expect(try before?.layer.dataset(name).type.numericType?.kind == .float64)
      }
      #expect(try after.layer.dataset("grad_beta").type.numericType?.kind == .float64)
    },
    KeyEffect(
      "uint16_as_bfloat16", #"{"uint16_as_bfloat16": true}"#, also: ["trace", "check", "verify"],
      // 1 and 2 as bfloat16.
      input: {
        try $0.add("activations", [0x3F80, 0x4000, 0x4000, 0x3F80], shape: [2, 2], type: .uint16)
        try $0.add("gamma", [0x4000, 0x3F80], type: .uint16)
        // These are what they are.
        try $0.add("batch_offsets", [0, 2], type: .uint16)
      },
      changes: { before, after throws in
        #expect(try before?.doubles("population_mean") == [16320, 16320])
        #expect(try after.doubles("population_mean") == [1.5, 1.5])
        #expect(before?.summary.layers.map(\.outputType) == ["float32"])
        #expect(after.summary.layers.map(\.outputType) == ["bfloat16"])
        #expect(try after.layer.dataset("batches/count").readIntegers() == [2])
        let y = try after.doubles("output")
        #expect(abs(y[0] + 2) < 0.05 && abs(y[1] - 1) < 0.05)
      }),
  ]
}
