import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import StrictJSON
import TestSupport
import Testing

@testable import Jobs

/// The plan's figure beside what was lent: who allocates asks the ledger, and the ledger has what the plan counted.
@Suite(.timeLimit(.minutes(30))) struct MemoryLedgerTests {
  /// A layer of zeros, which take no room on the disk, and how it is to be computed.
  struct Case: Sendable, CustomTestStringConvertible {
    let shape: [Int]
    var type = NumericType.float32
    var hasGradient = true
    var hasMask = false
    /// Keys of the configuration, as JSON.
    var keys: String
    let memory: String
    /// What the schedule for one thread must be like, so that it is not something else that is tested.
    let kind: Kind

    enum Kind: Sendable { case wholeBatches, retained, partlyRetained, readTwice, slices, slicesOfBatches }

    init(
      _ shape: [Int], type: NumericType = .float32, hasGradient: Bool = true, hasMask: Bool = false,
      _ keys: String, _ memory: String, _ kind: Kind
    ) {
      (self.shape, self.type, self.hasGradient, self.hasMask) = (shape, type, hasGradient, hasMask)
      (self.keys, self.memory, self.kind) = (keys, memory, kind)
    }

    var testDescription: String {
      "\(shape), \(type), \(keys), \(memory)\(hasGradient ? "" : ", forward")\(hasMask ? ", mask" : "")"
    }

    func write(to path: String) throws {
      let file = try File(anew: path)
      let layer = try file.root.createGroup("layer")
      for name in ["activations"] + (hasGradient ? ["grad_output"] : []) {
        _ = try layer.createDataset(name, type: type, shape: shape, storage: .contiguous)
      }
      if hasMask {
        try layer.createDataset("mask", type: .native(.uint8), shape: [shape[0]], storage: .contiguous)
          .writeIntegers((0..<shape[0]).map { $0 % 5 == 2 ? 0 : 1 })
      }
      try file.close()
    }
  }

  static let everything =
    #""outputs": ["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "population", "batches"]"#
  static let diagnosed = everything.replacing("\"batches\"]", with: "\"batches\", \"diagnostics\"]")

  static let cases = [
    Case([4100, 256], #""batch_size": 512"#, "1GiB", .wholeBatches),
    Case([9001, 64], #""batch_size": 16"#, "1GiB", .wholeBatches),
    Case([64, 32, 28, 28], #""batch_size": 8"#, "64MiB", .wholeBatches),
    Case(
      [4100, 256], type: .native(.float16), #""batch_size": 512, "output_type": "float64""#, "1GiB",
      .wholeBatches),
    Case([4100, 256], hasMask: true, #""batch_size": 512, \#(everything)"#, "1GiB", .wholeBatches),
    Case([70_000, 64], #""batch_size": "all""#, "1GiB", .retained),
    Case(
      [70_000, 64], type: .float64, hasGradient: false, #""batch_size": "all""#, "32MiB", .partlyRetained),
    Case([70_000, 64], hasMask: true, #""batch_size": "all", \#(everything)"#, "64MiB", .partlyRetained),
    Case([20_000, 512], #""batch_size": "all""#, "19MiB", .readTwice),
    Case([40, 33, 60, 60], #""batch_size": "all", "outputs": ["running"]"#, "20MiB", .readTwice),
    Case([6, 20_000], #""batch_size": "all""#, "18MiB", .slicesOfBatches),
    Case([3000, 2000], #""batch_size": "all""#, "17MiB", .slices),
    Case(
      [3000, 2000], hasGradient: false, #""batch_size": "all", "outputs": ["population"]"#, "17MiB", .slices),
    Case(
      [6, 20_000], hasMask: true, #""single_value_batch": "allow", "batch_size": 2, \#(everything)"#, "18MiB",
      .slicesOfBatches),
    Case(
      [4, 6000, 9], type: .float64,
      #""statistics": "running", "datasets": {"running_mean": "none", "running_var": "none"}"#, "18MiB",
      .slicesOfBatches),
    Case(
      [9, 2, 7000, 3], hasGradient: false, #""batch_size": 4, "feature_axis": 2"#, "17MiB", .slicesOfBatches),
    Case(
      [3, 3000, 40], type: .native(.int16), #""batch_size": "all", "outputs": ["output"]"#, "17MiB",
      .slicesOfBatches),
  ]

  /// The same kinds of schedules with diagnostics.
  static let diagnosedCases = [
    Case([4100, 256], #""batch_size": 512, \#(diagnosed)"#, "1GiB", .wholeBatches),
    Case([64, 32, 28, 28], #""batch_size": 8, \#(diagnosed)"#, "64MiB", .wholeBatches),
    Case([4100, 256], hasMask: true, #""batch_size": 512, \#(diagnosed)"#, "1GiB", .wholeBatches),
    Case([70_000, 64], #""batch_size": "all", \#(diagnosed)"#, "1GiB", .retained),
    Case([70_000, 64], hasMask: true, #""batch_size": "all", \#(diagnosed)"#, "64MiB", .partlyRetained),
    Case([40, 33, 60, 60], #""batch_size": "all", "outputs": ["diagnostics"]"#, "20MiB", .readTwice),
    Case([3000, 2000], #""batch_size": "all", \#(diagnosed)"#, "18MiB", .slices),
    Case([4, 6000, 9], type: .float64, #""batch_size": 2, \#(diagnosed)"#, "20MiB", .slicesOfBatches),
  ]

  @Test(.timeLimit(.minutes(30)), arguments: (cases + diagnosedCases).orEachThirdForRaces)
  func lendsWhatWasPlanned(layer: Case) throws {
    let folder = try TemporaryFolder()
    try layer.write(to: folder.path("input.h5"))
    for threads in [1, 2, 3, 7] {
      let (schedule, plan, peak) = try run(layer, threads, folder)
      #expect(peak <= schedule.memoryNeed, "\(threads) threads")
      #expect(schedule.memoryNeed <= plan.job.memory - 16 << 20, "\(threads) threads")
      // A pool makes a thing when it is needed; but what one worker needs is always needed, by each.
      let (needs, batches) = (schedule.needs, plan.layers[0].batches)
      let least: Int
      switch schedule.division {
      case .wholeBatches:
        least =
          needs.buffers.byteCount + needs.collectors.byteCount
          + needs.results.byteCount + needs.fold.total
        #expect(needs.buffers.count == schedule.workers && needs.collectors.count == schedule.workers)
      case .segments(_, let retained):
        // Those that are kept, and one for what is not.
        let isKept = needs.buffers.count == retained
        least =
          (isKept ? retained : retained + 1) * needs.buffers.byteCount + 2 * needs.collectors.byteCount
          + min(2, needs.gradientCollectors.count) * needs.gradientCollectors.byteCount
          + needs.results.total + needs.fold.total
      }
      guard threads == 1 else {
        #expect(peak >= least, "\(threads) threads")
        continue
      }
      // With one thread nothing waits for anything, so it is known to the byte.
      #expect(peak == least)
      #expect(kind(of: schedule, plan.layers[0]) == layer.kind, "\(schedule)")
      // A batch that is one segment has nothing that could wait: all that is planned is used.
      if case .segments(let samples, _) = schedule.division, samples >= batches.largest {
        #expect(peak == schedule.memoryNeed)
      }
    }
  }

  /// Where all of a batch is one segment, the workers have a slice each, and borrow from one ledger.
  @Test(.timeLimit(.minutes(30))) func lendsToSlicesAtOnce() throws {
    let layer = Case([16, 200_000], #""batch_size": "all""#, "1GiB", .slices)
    let folder = try TemporaryFolder()
    try layer.write(to: folder.path("input.h5"))
    let (schedule, _, peak) = try run(layer, 2, folder)
    #expect(schedule.slicesAtOnce == 2 && schedule.featuresPerSlice == 100_032)
    // Each has room for x and dy of its slice, which y and dx take the place of.
    let (setBytes, sets): (Int, Int) = schedule.buffers
    let tensors: Int = 2 * 16 * 100_032 * 4
    #expect(sets == 2 && setBytes == tensors)
    // One worker's slice may be done when the other's begins.
    #expect(peak >= schedule.memoryNeed / 2 && peak <= schedule.memoryNeed)
  }

  /// Of the limit is left what decoding takes: of each input a chunk as it is stored and one decoded for each thread, and as many and one more
  /// that wait for whoever reads on; and what encoding takes, of each output a chunk at least.
  @Test(arguments: [2, 3], [false, true]) func leavesRoomForChunks(threads: Int, encodes: Bool) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("input.h5"))
    let layer = try file.root.createGroup("layer")
    for name in ["activations", "grad_output"] {
      _ = try layer.createDataset(
        name, type: .float32, shape: [40_000, 512],
        storage: .chunked(shape: [256, 512], filters: [.deflate(level: 1)]))
    }
    try file.close()
    let storage =
      encodes ? #", "output_storage": {"layout": "chunked", "chunk_samples": 256, "gzip": 1}"# : ""
    let plan = try JobPlan(
      Job(
        input: folder.path("input.h5"), output: nil,
        configuration: try JobConfiguration(
          json: #"{"batch_size": "all", "threads": \#(threads), "memory": "72MiB"\#(storage)}"#,
          source: "test"),
        replacesOutput: false))
    let schedule = plan.schedules[0]
    let chunks = 2 * (3 * threads + 1) + (encodes ? 2 : 0)
    let room = plan.job.memory - 16 << 20
    #expect(schedule.memoryNeed + chunks * 256 * 512 * 4 <= room)
    // What is left is put to use: a batch that does not fit is kept in part, but for less than a segment.
    #expect(kind(of: schedule, plan.layers[0]) == .partlyRetained && schedule.memoryNeed > room / 3)
  }

  private func run(_ layer: Case, _ threads: Int, _ folder: TemporaryFolder) throws -> (
    Schedule, JobPlan, peak: Int
  ) {
    let configuration = try JobConfiguration(
      json: #"{\#(layer.keys), "threads": \#(threads), "memory": "\#(layer.memory)", "sync": false}"#,
      source: "test")
    let output = folder.path("output.h5")
    let plan = try JobPlan(
      Job(
        input: folder.path("input.h5"), output: output, configuration: configuration, replacesOutput: true))
    var peaks: [Int] = []
    var execution = Execution(plan, progress: JobProgress(), cancellation: Cancellation())
    execution.layerEnds = { peaks.append($1.peak) }
    _ = try execution.write(to: output)
    #expect(peaks.count == 1)
    return (plan.schedules[0], plan, try #require(peaks.first))
  }

  private func kind(of schedule: Schedule, _ layer: Layer) -> Case.Kind {
    switch schedule.division {
    case .wholeBatches: schedule.isWhole ? .wholeBatches : .slicesOfBatches
    case .segments where !schedule.isWhole: .slices
    case .segments(let samples, let retained):
      if retained * samples >= layer.batches.largest {
        .retained
      } else {
        retained > 0 ? .partlyRetained : .readTwice
      }
    }
  }
}
