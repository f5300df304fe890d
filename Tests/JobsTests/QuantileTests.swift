import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// Exact quantiles against sorting, whatever the schedule.
@Suite(.timeLimit(.minutes(30))) struct QuantileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let shape: [Int]
    let axis: Int
    let type: NumericType
    var hasMask = false
    var memories = ["1GiB"]

    var testDescription: String { "\(shape), axis \(axis), \(type)\(hasMask ? ", mask" : "")" }
  }

  static let cases = [
    Case(shape: [501, 70], axis: 1, type: .float32, memories: ["1GiB", "40MiB", "18MiB"]),
    // Several stretches for each thread.
    Case(shape: [60_000, 9], axis: 1, type: .float32),
    Case(shape: [1000, 3], axis: 1, type: .float64),
    Case(shape: [40, 5, 7, 6], axis: 1, type: .float64, hasMask: true),
    Case(shape: [40, 6, 5], axis: 2, type: .float32, hasMask: true),
    Case(shape: [300, 9], axis: 1, type: .native(.float16)),
    Case(shape: [300, 9], axis: 1, type: .native(.int8)),
    Case(shape: [1, 4], axis: 1, type: .float32), Case(shape: [2, 4], axis: 1, type: .float64),
  ]
  private static let percents: [Double] = [0, 15, 33.3, 50, 85, 100]

  @Test(arguments: cases.orEachThirdForRaces) func areThoseOfSortedValues(layer: Case) throws {
    let folder = try TemporaryFolder()
    let features = layer.shape[layer.axis]
    let inner = layer.shape[(layer.axis + 1)...].reduce(1, *)
    let count = layer.shape.reduce(1, *)
    var random = SeededGenerator(seed: 8)
    // Of both signs, of very different sizes, and some of them equal.
    let numbers = (0..<count).map { _ -> Double in
      let value = Double.random(in: -1..<1, using: &random)
      let size = Int.random(in: 0..<4, using: &random)
      if layer.type.kind.isFloat { return size == 3 ? 0.5 : value * [1, 100, 1e-3][size] }
      return (value * 128).rounded(.down)
    }
    let positions = count / features
    let mask = (0..<positions).map { layer.hasMask ? $0 * 7 % 5 == 0 ? 0 : 1 : 1 }
    let file = try File(anew: folder.path("in.h5"))
    let dataset = try file.root.createDataset(
      "activations", type: layer.type, shape: layer.shape, storage: .contiguous)
    try dataset.writeDoubles(numbers)
    let stored = try dataset.readDoubles()
    if layer.hasMask {
      try file.root.createDataset(
        "mask", type: .native(.uint8), shape: [layer.shape[0], positions / layer.shape[0]],
        storage: .contiguous
      ).writeIntegers(mask)
    }
    try file.close()

    var columns = [[Double]](repeating: [], count: features)
    for (index, value) in stored.enumerated() {
      let position = index / (inner * features) * inner + index % inner
      if mask[position] != 0 { columns[index / inner % features].append(value) }
    }
    let expected = Self.percents.flatMap { percent in columns.map { Self.quantile($0, percent / 100) } }
    var bits: [[UInt64]] = []
    for memory in layer.memories {
      for threads in [1, 3] {
        let output = folder.path("out.h5")
        let configuration = try JobConfiguration(
          json: #"""
            {"outputs": ["population"], "quantiles": [0, 15, 33.3, 50, 85, 100], "feature_axis": \#(layer.axis),
             "threads": \#(threads), "memory": "\#(memory)", "batch_size": "all", "single_value_batch": "allow", "sync": false}
            """#, source: "test")
        let plan = try JobPlan(
          Job(
            input: folder.path("in.h5"), output: output, configuration: configuration, replacesOutput: true))
        var execution = Execution(plan, progress: JobProgress(), cancellation: Cancellation())
        var peak = 0
        execution.layerEnds = { peak = $1.peak }
        let summary = try execution.write(to: output)
        let schedule = plan.schedules[0]
        #expect(peak <= schedule.memoryNeed && schedule.memoryNeed <= plan.job.memory - 16 << 20)
        if memory == "18MiB" { #expect(try #require(schedule.quantiles).featuresPerSlice < features) }
        if layer.shape[0] == 60_000 {
          let needs = try #require(schedule.quantiles)
          #expect(needs.workers == threads && needs.samplesPerStretch <= 60_000 / 8)
        }
        // As often as was said, and no more.
        let reads = layer.type.kind == .float64 ? 6 : 3
        #expect(plan.layers[0].quantileReads == reads)
        let once = count * layer.type.byteCount
        #expect(
          plan.inputByteCount == (1 + reads) * once && summary.layers[0].bytesRead == (1 + reads) * once)
        let found = try File(reading: output).root.dataset("quantiles")
        #expect(found.shape == [6, features])
        #expect(try found.numbers(attribute: "percents") == Self.percents)
        let values = try found.readDoubles()
        for (index, value) in values.enumerated() {
          // The last step, between two values, is rounded here and there.
          #expect((value - expected[index]).magnitude <= 1e-15 * max(1, expected[index].magnitude))
        }
        bits.append(values.map(\.bitPattern))
      }
    }
    #expect(Set(bits).count == 1)
  }

  /// numpy.quantile's default method, from sorted values.
  private static func quantile(_ values: [Double], _ fraction: Double) -> Double {
    let sorted = values.sorted()
    let place = Double(sorted.count - 1) * fraction
    let lower = Int(place)
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (place - Double(lower))
  }

  /// A NaN spoils its own feature, infinities are values, and a mask takes them out.
  @Test func whatIsNotFinite() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float32, shape: [4, 4], storage: .contiguous)
      .writeDoubles([.nan, 1, -.infinity, 1, 2, 2, 5, .nan, 3, .infinity, -.infinity, 2, 4, 3, 6, 3])
    try file.root.createDataset("mask", type: .native(.uint8), shape: [4], storage: .contiguous)
      .writeIntegers([1, 0, 1, 1])
    try file.close()
    func run(_ keys: String) throws -> [Double] {
      let output = folder.path("out.h5")
      let configuration = try JobConfiguration(
        json: #"{"outputs": ["population"], "quantiles": [0, 15, 50, 75], "sync": false\#(keys)}"#,
        source: "test"
      )
      let plan = try JobPlan(
        Job(input: folder.path("in.h5"), output: output, configuration: configuration, replacesOutput: true))
      _ = try Execution(plan, progress: JobProgress(), cancellation: Cancellation()).write(to: output)
      return try File(reading: output).root.dataset("quantiles").readDoubles()
    }
    let all = try run(#", "datasets": {"mask": "none"}"#)
    // Features 0 and 3 have a NaN; of 1: 1, 2, 3, ∞; of 2: -∞, -∞, 5, 6.
    #expect(all.count == 16)
    for row in 0..<4 { #expect(all[4 * row].isNaN && all[4 * row + 3].isNaN) }
    // The second is 1 + 0.45, and between two infinities of one sign.
    #expect(all[1] == 1 && all[5] == 1.45 && all[9] == 2.5 && all[13] == .infinity)
    #expect(all[2] == -.infinity && all[6] == -.infinity && all[10] == -.infinity && all[14] == 5.25)
    let masked = try run("")
    #expect(masked[3] == 1 && masked[7] == 1.3 && masked[11] == 2 && masked[15] == 2.5)
  }
  /// A NaN counts wherever it is, also before the last of many stretches.
  /// Neither of values that all are -0, nor halfway between two numbers.
  @Test(arguments: [NumericType.float32, .float64]) func noneIsNegativeZero(type: NumericType) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: type, shape: [2, 2], storage: .contiguous)
      .writeDoubles([-0.0, -1, -0.0, 1])
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["population"], "quantiles": [0, 50, 100]}"#, source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let found = try File(reading: folder.path("out.h5")).root.dataset("quantiles").readDoubles()
    #expect(found == [0, -1, 0, 0, 0, 1])
    #expect(found.allSatisfy { $0 != 0 || $0.sign == .plus }, "\(found)")
  }

  @Test(arguments: [1, 2]) func aNaNAtTheBeginning(threads: Int) throws {
    let folder = try TemporaryFolder()
    let (samples, features) = (60_000, 9)
    var numbers = (0..<samples * features).map { Float($0 / features * 7919 % samples) }
    numbers[100 * features + 3] = .nan
    let file = try File(anew: folder.path("in.h5"))
    let dataset = try file.root.createDataset(
      "activations", type: .float32, shape: [samples, features], storage: .contiguous)
    try numbers.withUnsafeBytes { try dataset.write(leading: 0..<samples, as: .float32, from: $0) }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"outputs": ["population"], "quantiles": [0, 100], "batch_size": "all", "threads": \#(threads), "sync": false}
        """#, source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let found = try File(reading: folder.path("out.h5")).root.dataset("quantiles").readDoubles()
    // Every number below 60,000 is there once, but for the one of sample 100 in feature 3.
    #expect(found.count == 18)
    for (index, value) in found.enumerated() {
      #expect(index % 9 == 3 ? value.isNaN : value == (index < 9 ? 0 : 59_999), "\(index)")
    }
  }

  /// Samples of a last batch that is left out are in no quantile.
  @Test func samplesThatAreLeftOut() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float32, shape: [7, 2], storage: .contiguous)
      .writeDoubles((1...14).map(Double.init))
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"outputs": ["population"], "quantiles": [0, 50, 100], "batch_size": 3, "partial_batch": "drop", "sync": false}
        """#, source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    // Of 1, 3, …, 11 and of 2, 4, …, 12, without 13 and 14.
    let found = try File(reading: folder.path("out.h5")).root.dataset("quantiles").readDoubles()
    #expect(found == [1, 2, 6, 7, 11, 12])
  }

  /// Each thread counts for itself, and reads into buffers of its own.
  @Test func everyThreadTakesItsShare() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float32, shape: [100, 64], storage: .contiguous)
      .writeDoubles((0..<6400).map(Double.init))
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["population"], "quantiles": [1, 5, 10, 25, 40, 50, 75, 90, 95, 99]}"#,
      source: "test")
    let plan = try JobPlan(
      Job(input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    func byteCount(_ workers: Int) throws -> Int {
      let needs = try #require(
        QuantileNeeds.fitting(plan.layers[0], workers: workers, available: 1 << 30).needs)
      try #require(needs.workers == workers && needs.featuresPerSlice == 64)
      return needs.byteCount
    }
    // A quantile lies between two ranks, of each of which a digit of 11 bits is counted in 64 bits.
    let counts = 64 * 2 * 10 * 2048 * 8
    let each = try (byteCount(7) - byteCount(1)) / 6
    #expect(each >= counts && each < counts + 1 << 20, "\(each)")
    #expect(try byteCount(1) >= 2 * counts)
  }

  /// What somebody else has of the limit is part of what is named: with so much there is enough for quantiles, and for what comes before.
  @Test(arguments: [false, true], [1 << 20, 300 << 20])
  func theMemoryThatIsNamedHasWhatIsReserved(hasQuantiles: Bool, reserved: Int) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float32, shape: [19, 4000], storage: .contiguous)
      .writeDoubles((0..<76_000).map(Double.init))
    try file.close()
    // So many take more than anything else.
    let percents = (1...200).map { "\(Double($0) / 4)" }.joined(separator: ", ")
    let quantiles = hasQuantiles ? #""quantiles": [\#(percents)], "# : ""
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["population"], \#(quantiles)"batch_size": "all"}"#, source: "test")
    let plan = try JobPlan(
      Job(input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    func schedule(memory: Int) throws -> Schedule {
      let chooser = ScheduleChooser(
        layer: plan.layers[0], workers: 1, memory: memory - reserved, storage: OutputStorage())
      return try chooser.schedule(file: "in.h5", reserved: reserved)
    }
    // The program has 16 MiB, and nothing is left: first the passes say what they need, then quantiles what is more than that.
    var memory = 16 << 20 + reserved
    var named = 0
    for _ in 0..<2 {
      do {
        _ = try schedule(memory: memory)
        break
      } catch StreamError.needsMemory(_, _, let need, let limit, _) {
        #expect(limit == memory && need > memory)
        named += 1
        memory = need
      }
    }
    #expect(named == (hasQuantiles ? 2 : 1))
    let found = try schedule(memory: memory)
    #expect((found.quantiles != nil) == hasQuantiles)
  }

  /// Whoever has too little memory for quantiles alone is told how much is enough.
  @Test func theMemoryThatIsNamedIsEnough() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: .float32, shape: [19, 4], storage: .contiguous)
      .writeDoubles((0..<76).map(Double.init))
    try file.close()
    func plan(memory: String) throws -> JobPlan {
      let percents = (1...200).map { "\(Double($0) / 4)" }.joined(separator: ", ")
      let configuration = try JobConfiguration(
        json: #"""
          {"outputs": ["population"], "quantiles": [\#(percents)], "batch_size": "all", "threads": 1, "memory": \#(memory)}
          """#, source: "test")
      return try JobPlan(
        Job(
          input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    }
    let error = #expect(throws: StreamError.self) { try plan(memory: #""17MiB""#) }
    guard case .needsMemory(_, _, let need, let limit, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(limit == 17 << 20 && need > limit)
    #expect(try plan(memory: "\(need)").schedules.first?.quantiles != nil)
    #expect(throws: StreamError.self) { try plan(memory: "\(need - 1)") }
  }

  /// Where a mask lets nothing count there is nothing between whose values a quantile could lie.
  @Test(arguments: [NumericType.float32, .float64]) func ofNothing(type: NumericType) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createDataset("activations", type: type, shape: [4, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, 4, 5, 6, 7, 8])
    try file.root.createDataset("mask", type: .native(.uint8), shape: [4], storage: .contiguous)
      .writeIntegers([0, 0, 0, 0])
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"outputs": ["population"], "quantiles": [0, 50, 100], "single_value_batch": "allow", "sync": false}
        """#, source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let found = try File(reading: folder.path("out.h5")).root.dataset("quantiles").readDoubles()
    #expect(found.count == 6 && found.allSatisfy(\.isNaN))
  }
}
