import Configuration
import HDF5
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// What a plan says will be read of batches of very different sizes, of which memory keeps a part between the passes.
@Suite(.timeLimit(.minutes(30))) struct UnevenBatchesTests {
  /// Of the large batch what does not stay is read twice, and of the small one nothing.
  @Test(arguments: [[0, 50, 7003], [0, 6953, 7003]]) func whatStaysInMemoryIsReadOnce(offsets: [Int]) throws {
    let folder = try TemporaryFolder()
    let (samples, features) = (7003, 200)
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    let numbers = (0..<samples * features).map { Float($0 % 1009) }
    for name in ["activations", "grad_output"] {
      let dataset = try layer.createDataset(
        name, type: .float32, shape: [samples, features], storage: .contiguous)
      try numbers.withUnsafeBytes { try dataset.write(leading: 0..<samples, as: .float32, from: $0) }
    }
    try layer.createDataset("batch_offsets", type: .int64, shape: [3], storage: .contiguous)
      .writeIntegers(offsets)
    try file.close()
    // In which memory a part stays is not this test's.
    for mebibytes in 20...60 {
      let configuration = try JobConfiguration(
        json: #"""
          {"threads": 3, "memory": "\#(mebibytes)MiB", "outputs": ["output", "grad_input"], "sync": false}
          """#, source: "test")
      let plan = try JobPlan(
        Job(
          input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
      guard case .segments(let length, let retained) = plan.schedules[0].division else { continue }
      let kept = retained * length
      guard kept > 50, kept < 6953 else { continue }
      // Two float32 numbers for each value.
      let planned = (7003 + 6953 - kept) * 200 * 8
      #expect(plan.inputByteCount == planned, "\(kept) samples stay")
      let summary = try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
      #expect(summary.layers[0].bytesRead == planned, "\(kept) samples stay")
      return
    }
    Issue.record("memory keeps all of a batch or nothing")
  }

  /// Samples that fill no batch are neither read nor written, and the plan knows it: eight of ten, of two tensors of float32 and two of float64.
  @Test func whatIsDroppedIsNotPlanned() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    for name in ["activations", "grad_output"] {
      try layer.createDataset(name, type: .float32, shape: [10, 3], storage: .contiguous)
        .writeDoubles((0..<30).map { Double($0 * $0 % 17) })
    }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"batch_size": 4, "partial_batch": "drop", "outputs": ["output", "grad_input"], "output_type": "float64", "sync": false}
        """#, source: "test")
    let plan = try JobPlan(
      Job(input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    #expect(plan.inputByteCount == 192)
    #expect(plan.outputByteCount == 384)
    let summary = try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    #expect(summary.layers[0].bytesRead == 192)
  }
}
