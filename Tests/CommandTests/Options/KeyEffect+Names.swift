import HDF5
import Testing

/// Under which names datasets are looked for.
extension KeyEffect {
  /// Each role's dataset, called as no dataset usually is, changes what a layer without it gives.
  static let names: [KeyEffect] = [
    KeyEffect(
      "grouped_by", #"{"grouped_by": "role"}"#, also: ["trace", "check", "verify"], fillsFile: true,
      input: {
        try $0.createGroup("activations").add("layer", Group.numbers([6, 2], seed: 1), shape: [6, 2])
        try $0.createGroup("gamma").add("layer", [2, 3])
      },
      changes: { before, after throws in
        #expect(before == nil)
        #expect(try after.layer.dataset("output").shape == [6, 2])
      }),
    KeyEffect(
      "datasets", #"{"datasets": {"gamma": "none"}}"#, also: ["trace", "check", "verify"],
      input: {
        try $0.addTensors([6, 2])
        try $0.add("gamma", [2, 3])
      },
      changes: { before, after throws in
        let before = try #require(before).doubles("output")
        let after = try after.doubles("output")
        for index in before.indices {
          #expect(abs(before[index] - [2, 3][index % 2] * after[index]) < 1e-12)
        }
      }),
    named("grad_output") { before, after throws in
      #expect(try before?.layer.hasLink("grad_input") == false)
      let dy = Group.numbers([6, 2], seed: 2)
      let sums = (0..<2).map { feature in (0..<6).reduce(0) { $0 + dy[2 * $1 + feature] } }
      #expect(try after.doubles("grad_beta") == sums)
    },
    named("gamma") { before, after throws in
      let before = try #require(before).doubles("output")
      let after = try after.doubles("output")
      for index in before.indices { #expect(abs(after[index] - [2, 3][index % 2] * before[index]) < 1e-12) }
    },
    named("beta") { before, after throws in
      let before = try #require(before).doubles("output")
      let after = try after.doubles("output")
      for index in before.indices { #expect(abs(after[index] - before[index] - [4, 5][index % 2]) < 1e-12) }
    },
    named("running_mean") { before, after throws in
      // 0.9 of what was there before.
      let before = try #require(before).doubles("running_mean")
      let after = try after.doubles("running_mean")
      for index in 0..<2 { #expect(abs(after[index] - before[index] - 0.9 * [6, 7][index]) < 1e-12) }
    },
    named("running_var") { before, after throws in
      let before = try #require(before).doubles("running_var")
      let after = try after.doubles("running_var")
      // 1 if it is not given.
      for index in 0..<2 { #expect(abs(after[index] - before[index] - 0.9 * [7, 8][index]) < 1e-12) }
    },
    named("batch_offsets") { before, after throws in
      #expect(try before?.layer.dataset("batches/count").readIntegers() == [6])
      #expect(try after.layer.dataset("batches/count").readIntegers() == [2, 4])
    },
    named("mask") { before, after throws in
      #expect(try before?.doubles("population_mean") != after.doubles("population_mean"))
      // Only samples 0 and 1 count.
      let x = Group.numbers([6, 2], seed: 1)
      #expect(try after.doubles("population_mean") == [(x[0] + x[2]) / 2, (x[1] + x[3]) / 2])
    },
    KeyEffect(
      "datasets.activations", #"{"datasets": {"activations": "strange"}}"#,
      also: ["trace", "check", "verify"],
      input: {
        try $0.add("strange", Group.numbers([6, 2], seed: 1), shape: [6, 2])
      },
      changes: { before, after throws in
        #expect(before == nil)
        #expect(try after.layer.dataset("output").shape == [6, 2])
      }),
  ]

  /// A layer [6, 2] that lacks one role's dataset unless the configuration names it.
  private static func named(
    _ role: String, changes: @escaping @Sendable (Results?, Results) throws -> Void
  ) -> KeyEffect {
    KeyEffect(
      "datasets.\(role)", #"{"datasets": {"\#(role)": "strange"}}"#,
      also: role.hasPrefix("running") ? ["verify"] : ["trace", "check", "verify"],
      input: { try $0.addOne(role) }, changes: changes)
  }
}

extension Group {
  /// Adds activations and, under a strange name, the dataset of one role.
  fileprivate func addOne(_ role: String) throws {
    try addTensors([6, 2], gradient: false)
    switch role {
    case "grad_output": try add("strange", Self.numbers([6, 2], seed: 2), shape: [6, 2])
    case "gamma": try add("strange", [2, 3])
    case "beta": try add("strange", [4, 5])
    case "running_mean": try add("strange", [6, 7])
    case "running_var": try add("strange", [8, 9])
    case "batch_offsets": try add("strange", [0, 2, 6], type: .int64)
    case "mask": try add("strange", [1, 1, 0, 0, 0, 0], type: .int8)
    default: Issue.record("\(role) has no dataset")
    }
  }
}
