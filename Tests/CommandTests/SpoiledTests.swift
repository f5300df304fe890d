import Foundation
import HDF5
import TestSupport
import Testing

/// What is not finite spoils what is computed of it, is counted and named, and stops nothing else; what no result needs is not judged.
@Suite(.timeLimit(.minutes(30))) struct SpoiledTests {
  private struct Run {
    let result: Program.Result
    let layers: [[String: Any]]
    let root: Group

    func doubles(_ path: String) throws -> [Double] { try root.dataset(path).readDoubles() }

    func count(_ key: String, layer: Int = 0) -> Int? { layers[layer][key] as? Int }
  }

  /// Runs the program on in.h5, which must succeed.
  private func run(
    _ options: [String] = [], configuration: String = "{}", _ build: (Group) throws -> Void
  ) throws -> Run {
    let program = try Program()
    try program.make { try build($0) }
    try program.write(configuration, to: "config.json")
    let command = ["--in", "in.h5", "--out", "out.h5", "--config", "config.json"] + options
    let text = try program.run(command)
    #expect(text.exitCode == 0, "\(text.error)")
    let object = try JSONSerialization.jsonObject(
      with: Data(program.run(command + ["--force", "--json"]).output.utf8))
    let layers = (object as? [String: Any])?["layers"] as? [[String: Any]]
    return Run(
      result: text, layers: try #require(layers), root: try File(reading: program.path("out.h5")).root)
  }

  /// Two values of 10¹⁵⁴ have squares that no Double holds. Feature 1 and the other layer are as they are without them.
  @Test func aVarianceBeyondTheRange() throws {
    func build(_ large: Double) -> (Group) throws -> Void {
      { root in
        let layer = try root.createGroup("a")
        try layer.add("activations", [large, 1, -large, 2, large / 3, 3, 1, 4], shape: [4, 2])
        try layer.add("grad_output", [1, 2, 0, -1, 3, 1, 0, 5], shape: [4, 2])
        try root.createGroup("b").addTensors([4, 2])
      }
    }
    let spoiled = try run([], build(1e154))
    let clean = try run([], build(10))
    #expect(
      spoiled.result.output.contains(
        "/a: 1 feature whose variance exceeds the range of double precision: its results are not finite\n"))
    #expect(spoiled.count("variance_overflow_features") == 1)
    #expect(clean.count("variance_overflow_features") == 0)
    for name in ["output", "grad_input", "grad_gamma", "running_var", "population_var", "batches/inv_std"] {
      let (values, expected) = (try spoiled.doubles("a/\(name)"), try clean.doubles("a/\(name)"))
      for index in values.indices {
        #expect(index % 2 == 0 ? values[index].isNaN : values[index] == expected[index], "\(name)[\(index)]")
      }
      #expect(try spoiled.doubles("b/\(name)") == clean.doubles("b/\(name)"))
    }
    // The mean is known all the same.
    #expect(try abs(spoiled.doubles("a/population_mean")[0] / (1e154 / 12) - 1) < 1e-12)
  }

  /// Each batch varies little, and their means are too far apart: of the whole alone the variance cannot be said.
  @Test func aVarianceOfAllBatchesBeyondTheRange() throws {
    let run = try run(["--batch-size", "2"]) { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1.5e154, 1, 1.5e154, 2, -1.5e154, 3, -1.5e154, 5], shape: [4, 2])
    }
    #expect(run.count("variance_overflow_features") == 1)
    let variance = try run.doubles("layer/population_var")
    #expect(!variance[0].isFinite && variance[1] == 2.1875)
    #expect(try run.doubles("layer/batches/var") == [0, 0.25, 0, 1])
    #expect(
      run.result.output.contains(
        "/layer: 1 feature whose variance exceeds the range of double precision: its results are not finite\n"
      ))
  }

  @Test func aGradientBeyondTheRange() throws {
    let run = try run { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 2, 3, 4], shape: [2, 2])
      try layer.add("grad_output", [1.5e308, 1, -1.5e308, 1], shape: [2, 2])
    }
    #expect(run.count("gradient_overflow_features") == 1)
    let dgamma = try run.doubles("layer/grad_gamma")
    #expect(!dgamma[0].isFinite && dgamma[1].isFinite)
    let dx = try run.doubles("layer/grad_input")
    #expect(!dx[0].isFinite && !dx[2].isFinite && dx[1].isFinite && dx[3].isFinite)
  }

  /// dβ = Σdy overflows where the mean of dy does not, and dγ = Σdy·x̂ is 0: the one is told though the other is not.
  @Test func aGradientOfBetaAloneBeyondTheRange() throws {
    let run = try run { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 2, 3, 4], shape: [2, 2])
      try layer.add("grad_output", [1.5e308, 1, 1.5e308, 2], shape: [2, 2])
    }
    #expect(run.count("gradient_overflow_features") == 1)
    #expect(
      run.result.output.contains(
        "/layer: 1 feature whose gradient exceeds the range of double precision: its results are not finite\n"
      ))
    let dbeta = try run.doubles("layer/grad_beta")
    #expect(!dbeta[0].isFinite && dbeta[1] == 3)
  }

  /// The same where a mask leaves something out.
  @Test func aGradientBeyondTheRangeUnderAMask() throws {
    let run = try run { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 2, 3, 4, 5, 6], shape: [3, 2])
      try layer.add("grad_output", [1.5e308, 1, 1.5e308, 2, 0, 0], shape: [3, 2])
      try layer.add("mask", [1, 1, 0], type: .int8)
    }
    #expect(run.count("gradient_overflow_features") == 1)
    let dbeta = try run.doubles("layer/grad_beta")
    #expect(!dbeta[0].isFinite && dbeta[1] == 3)
  }

  /// NaN in padding is in no statistic and no gradient; nobody is told that results are not finite, and it stops only who asks for y.
  @Test func notANumberUnderTheMask() throws {
    func build(_ root: Group) throws {
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 5, 2, 4, 4, 6, .nan, .infinity], shape: [4, 2])
      try layer.add("grad_output", [1, 2, 3, -4, 5, 6, 0, 0], shape: [4, 2])
      try layer.add("mask", [1, 1, 1, 0], type: .int8)
    }
    let statistics = #"["population", "running", "batches", "grad_gamma", "grad_beta", "grad_input"]"#
    for policy in ["count", "error"] {
      let run = try run(configuration: #"{"outputs": \#(statistics), "nonfinite": "\#(policy)"}"#, build)
      #expect(
        run.result.output.contains(
          "/layer: 2 infinite or NaN inputs masked: in no result but their own output\n"))
      #expect(!run.result.output.contains("are not finite"))
      #expect(run.count("nonfinite_inputs") == 2 && run.count("nonfinite_masked_inputs") == 2)
      #expect(run.count("spoiled_features") == 0)
      #expect(try run.doubles("layer/population_mean").map { ($0 * 3).rounded() } == [7, 15])
      for name in ["population_var", "running_var", "grad_gamma", "grad_beta", "grad_input"] {
        #expect(try run.doubles("layer/\(name)").allSatisfy(\.isFinite), "\(name)")
      }
    }
    let program = try Program()
    try program.make { try build($0) }
    for outputs in ["", #""outputs": ["normalized"], "#, #""outputs": ["output"], "#] {
      try program.write(#"{\#(outputs)"nonfinite": "error"}"#, to: "config.json")
      let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json")
      #expect(result.exitCode == 65, "\(outputs)")
      #expect(result.error.contains("feature 0 of /layer has a value that is"), "\(outputs)\(result.error)")
    }
  }

  /// Each batch's padding counts: of feature 0 one NaN in each of three batches, of feature 1 one in the second.
  @Test func notANumberUnderTheMaskOfEachBatch() throws {
    let run = try run(
      ["--batch-size", "3"],
      configuration: #"{"outputs": ["population", "grad_gamma", "grad_input"], "nonfinite": "error"}"#
    ) { root in
      let layer = try root.createGroup("layer")
      try layer.add(
        "activations", [1, 5, 2, 4, .nan, 6, 3, 1, 5, 2, .nan, .nan, 4, 3, 7, 1, .nan, 2], shape: [9, 2])
      try layer.add(
        "grad_output", [1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0, 1, 2, 3, 4, 0, 0], shape: [9, 2])
      try layer.add("mask", [1, 1, 0, 1, 1, 0, 1, 1, 0], type: .int8)
    }
    #expect(run.count("nonfinite_inputs") == 4 && run.count("nonfinite_masked_inputs") == 4)
    #expect(run.count("spoiled_features") == 0)
    #expect(!run.result.output.contains("are not finite"))
    #expect(
      run.result.output.contains(
        "/layer: 4 infinite or NaN inputs masked: in no result but their own output\n"))
  }

  /// Where dy weighs what the mask leaves out, dγ has it.
  @Test func notANumberUnderTheMaskThatIsWeighed() throws {
    let run = try run { root in
      let layer = try root.createGroup("layer")
      try layer.add("activations", [1, 5, 2, 4, 4, 6, .nan, 7], shape: [4, 2])
      try layer.add("grad_output", [1, 2, 3, -4, 5, 6, 7, 8], shape: [4, 2])
      try layer.add("mask", [1, 1, 1, 0], type: .int8)
    }
    #expect(run.count("spoiled_features") == 1 && run.count("nonfinite_masked_inputs") == 0)
    let dgamma = try run.doubles("layer/grad_gamma")
    #expect(dgamma[0].isNaN && dgamma[1].isFinite)
    #expect(try run.doubles("layer/population_var").allSatisfy(\.isFinite))
  }

  /// What is given counts by its role, if a result needs it.
  @Test(arguments: ["gamma", "beta", "running_mean", "running_var"])
  func givenVectors(role: String) throws {
    func build(_ root: Group) throws {
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.add(role, [0.5, .nan, 2])
      for (other, value) in [("running_mean", 0.0), ("running_var", 1)] where other != role {
        try layer.add(other, [value, value, value])
      }
    }
    let given = try run(["--statistics", "running"], build)
    let counts = given.layers[0]["nonfinite_parameters"] as? [String: Int]
    #expect(counts == [role: 1])
    #expect(
      given.result.output.contains(
        "/layer: 1 infinity or NaN in \(role): the results of such features are not finite\n"))
    #expect(given.result.error.hasPrefix("warning: /layer/\(role)[1] is infinite or NaN"))
    let y = try given.doubles("layer/output")
    for index in y.indices { #expect(y[index].isNaN == (index % 3 == 1)) }

    // Batch statistics that forget what was before need no running ones; nothing needs parameters but y and dx.
    let forgetful =
      #"{"nonfinite": "error", "momentum": null, "outputs": ["running", "population", "grad_gamma"]}"#
    let unneeded = try run(configuration: forgetful, build)
    #expect(unneeded.result.error == "")
    #expect((unneeded.layers[0]["nonfinite_parameters"] as? [String: Int]) == [:])
    #expect(try unneeded.doubles("layer/running_var").allSatisfy(\.isFinite))
  }

  /// The same where one result alone is asked for: y, x̂, dx and dγ each need what they are computed of.
  @Test(arguments: [
    ("gamma", ["output", "grad_input"]), ("beta", ["output"]),
    ("running_mean", ["output", "normalized", "grad_gamma"]),
    ("running_var", ["output", "normalized", "grad_input", "grad_gamma"]),
  ])
  func givenVectorsOfOneResult(role: String, needing: [String]) throws {
    for output in ["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "population"] {
      let run = try run(["--statistics", "running"], configuration: #"{"outputs": ["\#(output)"]}"#) { root in
        let layer = try root.createGroup("layer")
        try layer.addTensors([6, 3])
        try layer.add(role, [0.5, .nan, 2])
        for (other, value) in [("running_mean", 0.0), ("running_var", 1)] where other != role {
          try layer.add(other, [value, value, value])
        }
      }
      let counts = run.layers[0]["nonfinite_parameters"] as? [String: Int]
      #expect(counts == (needing.contains(output) ? [role: 1] : [:]), "\(output)")
      #expect(run.result.error.isEmpty != needing.contains(output), "\(output)")
    }
  }

  /// As old checkpoints have it, whose variances lack the epsilon.
  @Test func aVarianceLessEpsilon() throws {
    func build(_ root: Group) throws {
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 2])
      try layer.addRunningStatistics([0, 0], [-3e-6, 1])
    }
    let given = try run(["--statistics", "running"], build)
    #expect(given.result.error.hasPrefix("warning: /layer/running_var[0] is -3e-06"))
    let x = Group.numbers([6, 2], seed: 1)
    for (index, y) in try given.doubles("layer/output").enumerated() {
      let expected = x[index] / ((index % 2 == 0 ? -3e-6 : 1) + 1e-5).squareRoot()
      #expect(abs(y - expected) <= 1e-12 * abs(expected))
    }
    #expect(try run(["--momentum", "none"], build).result.error == "")
  }
}
