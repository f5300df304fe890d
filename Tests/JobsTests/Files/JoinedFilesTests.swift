import Configuration
import Foundation
import HDF5
import Parallel
import TestSupport
import Testing

@testable import Jobs
@testable import LayerFiles

/// Several files are read as one: the same bytes, wherever a layer's samples are cut into files, however each stores them, however
/// the job is divided.
@Suite(.timeLimit(.minutes(30))) struct JoinedFilesTests {
  /// A range of samples falls to the files that a walk from sample to sample finds, whatever files are empty.
  @Test(arguments: [[5], [0, 3, 0, 0, 4], [1, 1, 1], [0], [2, 0]])
  func partsAreThoseOfAWalk(counts: [Int]) {
    let owners = counts.enumerated().flatMap { file, count in (0..<count).map { (file, $0) } }
    let joined = JoinedSamples(counts: counts)
    for first in 0...owners.count {
      for end in first...owners.count {
        let found = joined.parts(of: first..<end)
        let walked = found.flatMap { part in part.samples.map { (part.file, $0) } }
        #expect(walked.elementsEqual(owners[first..<end], by: ==), "\(first)..<\(end)")
        #expect(found.flatMap(\.places) == Array(0..<end - first), "\(first)..<\(end)")
      }
    }
  }

  /// What is used last is kept, and no more of it.
  @Test func fewAreKept() throws {
    let made = Guarded<[Int]>([])
    let things = RecentlyUsed<Int>(limit: 2) { index in
      made.withLock { $0.append(index) }
      return index * 10
    }
    for index in [1, 2, 1, 2, 3, 2, 1] { #expect(try things.value(index) == index * 10) }
    #expect(made.withLock { $0 } == [1, 2, 3, 1])
  }

  /// Files of one layer, cut at some samples, each stored in its own way and byte order.
  private struct Files {
    static let sampleCount = 3000
    static let features = 21
    let folder: TemporaryFolder
    let cuts: [Int]
    let hasOffsets: Bool
    let hasMask: Bool

    init(seed: UInt64, hasOffsets: Bool, hasMask: Bool) throws {
      (self.hasOffsets, self.hasMask) = (hasOffsets, hasMask)
      folder = try TemporaryFolder()
      var random = SeededGenerator(seed: seed)
      cuts = (0..<Int.random(in: 1...6, using: &random))
        .map { _ in Int.random(in: 0...Self.sampleCount, using: &random) }.sorted()
      func numbers(_ count: Int) -> [Double] {
        (0..<count).map { _ in Double(Float.random(in: 90..<100, using: &random)) }
      }
      let tensors = ["activations", "grad_output"].map {
        ($0, numbers(Self.sampleCount * Self.features))
      }
      let mask = (0..<Self.sampleCount).map { _ in Int.random(in: 0...4, using: &random) }
      let boundaries =
        ([0, Self.sampleCount] + cuts
        + (0..<9).map { _ in Int.random(in: 0...Self.sampleCount, using: &random) }).sorted()
      let parameters = numbers(Self.features)
      let ranges = zip([0] + cuts, cuts + [Self.sampleCount]).map { $0..<$1 }
      for (index, range) in ranges.enumerated() {
        try write(
          "part-\(index).h5", range, tensors, mask, boundaries, parameters,
          Self.storages[Int.random(in: 0..<Self.storages.count, using: &random)],
          // Results have the byte order of the first file.
          NumericType(
            kind: .float32, byteOrder: index == 0 || Bool.random(using: &random) ? .little : .big))
      }
      try write(
        "whole.h5", 0..<Self.sampleCount, tensors, mask, boundaries, parameters, .contiguous, .float32)
    }

    private static let storages: [StorageRequest] = [
      .contiguous, .contiguous,
      .chunked(shape: [64, 21], filters: [.shuffle, .deflate(level: 1)]),
      .chunked(shape: [7, 10], filters: []), .chunked(shape: [5, 21], filters: [.fletcher32]),
    ]

    private func write(
      _ name: String, _ range: Range<Int>, _ tensors: [(String, [Double])], _ mask: [Int],
      _ boundaries: [Int], _ parameters: [Double], _ storage: StorageRequest, _ type: NumericType
    ) throws {
      let file = try File(anew: folder.path(name))
      let layer = try file.root.createGroup("layer")
      for (name, numbers) in tensors {
        try layer.createDataset(
          name, type: type, shape: [range.count, Self.features],
          storage: range.count < 64 ? .contiguous : storage
        ).writeDoubles(Array(numbers[range.lowerBound * Self.features..<range.upperBound * Self.features]))
      }
      if hasMask {
        try layer.createDataset("mask", type: .native(.int8), shape: [range.count], storage: .contiguous)
          .writeIntegers(Array(mask[range]))
      }
      if hasOffsets {
        let own = boundaries.filter { range.contains($0) || $0 == range.upperBound }
          .map { $0 - range.lowerBound }
        let all = ([0] + own + [range.count]).reduce(into: [Int]()) {
          if $0.last != $1 || range.isEmpty { $0.append($1) }
        }
        let once = range.isEmpty ? [0] : all
        try layer.createDataset("batch_offsets", type: .int64, shape: [once.count], storage: .contiguous)
          .writeIntegers(once)
      }
      try layer.createDataset("gamma", type: .float64, shape: [Self.features], storage: .contiguous)
        .writeDoubles(parameters)
      try file.close()
    }

    var parts: [String] { (0...cuts.count).map { folder.path("part-\($0).h5") } }

    func run(_ inputs: [String], to output: String, _ json: String, shard: Shard? = nil) throws -> JobSummary
    {
      var job = Job(
        inputs: inputs, output: folder.path(output),
        configuration: try JobConfiguration(json: json, source: "test"), replacesOutput: false)
      job.shard = shard
      return try Execution(JobPlan(job), progress: JobProgress(), cancellation: Cancellation())
        .write(to: folder.path(output))
    }

    func layer(_ name: String) throws -> Group { try File(reading: folder.path(name)).root.group("layer") }
  }

  @Test(arguments: 0..<12) func theSameBytes(round: Int) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let files = try Files(seed: seed, hasOffsets: false, hasMask: round.isMultiple(of: 3))
    let size = [#""all""#, "256", "999"][round % 3]
    let outputs =
      #""outputs": ["output", "normalized", "grad_input", "grad_gamma", "running", "population", "batches", "diagnostics"]"#
    for (index, arrangement) in [(1, "22MiB"), (3, "1GiB")].enumerated() {
      let json =
        #"{"batch_size": \#(size), "sync": false, "threads": \#(arrangement.0), "memory": "\#(arrangement.1)", \#(outputs)}"#
      _ = try files.run([files.folder.path("whole.h5")], to: "whole-\(index).h5", json)
      let summary = try files.run(files.parts, to: "joined-\(index).h5", json)
      #expect(summary.layers[0].samples == Files.sampleCount, "seed \(seed)")
      #expect(summary.inputs == files.parts)
      try expectEqualBytes(files.layer("whole-\(index).h5"), files.layer("joined-\(index).h5"))
    }
  }

  /// Where little memory divides the features, each slice is read from its own features, in every file. The last file is big-endian.
  @Test(arguments: [[5, 9], [3, 4, 7]]) func inSlices(counts: [Int]) throws {
    let folder = try TemporaryFolder()
    let (samples, features) = (14, 20_000)
    let tensors: [(name: String, step: Int)] = [("activations", 719), ("grad_output", 853)]
    func write(_ name: String, _ range: Range<Int>, _ type: NumericType) throws {
      let file = try File(anew: folder.path(name))
      let layer = try file.root.createGroup("layer")
      for (name, step) in tensors {
        let places = range.lowerBound * features..<range.upperBound * features
        let part = places.map { Float($0 * step % 1009) / 64 }
        let dataset = try layer.createDataset(
          name, type: type, shape: [range.count, features], storage: .contiguous)
        try part.withUnsafeBytes { try dataset.write(leading: 0..<range.count, as: .float32, from: $0) }
      }
      try file.close()
    }
    /// - Returns: the features of a slice.
    func run(_ names: [String], to output: String, memory: String) throws -> Int {
      let json = #"{"batch_size": "all", "sync": false, "threads": 1, "memory": "\#(memory)"}"#
      let job = Job(
        inputs: names.map { folder.path($0) }, output: folder.path(output),
        configuration: try JobConfiguration(json: json, source: "test"), replacesOutput: false)
      let plan = try JobPlan(job)
      _ = try Execution(plan, progress: JobProgress(), cancellation: Cancellation())
        .write(to: folder.path(output))
      return try #require(plan.schedules.first).featuresPerSlice
    }
    try write("whole.h5", 0..<samples, .float32)
    var names: [String] = []
    var start = 0
    for (index, count) in counts.enumerated() {
      let isLast = index == counts.count - 1
      names.append("part-\(index).h5")
      try write(
        names[index], start..<start + count, NumericType(kind: .float32, byteOrder: isLast ? .big : .little))
      start += count
    }
    try #require(start == samples)
    #expect(try run(["whole.h5"], to: "expected.h5", memory: "1GiB") == features)
    try #require(run(names, to: "joined.h5", memory: "17MiB") < features / 2)
    let layers = try ["expected.h5", "joined.h5"].map {
      try File(reading: folder.path($0)).root.group("layer")
    }
    try expectEqualBytes(layers[0], layers[1])
  }

  /// Boundaries override a size of batches, which then may be another in each file.
  @Test func aBatchSizeThatOffsetsOverrideMayDiffer() throws {
    let folder = try TemporaryFolder()
    for (index, size) in [2, 4].enumerated() {
      let file = try File(anew: folder.path("\(index).h5"))
      let layer = try file.root.createGroup("layer")
      try layer.createDataset("activations", type: .float64, shape: [4, 1], storage: .contiguous)
        .writeDoubles([1, 2, 3, 4])
      try layer.createDataset("batch_offsets", type: .int64, shape: [2], storage: .contiguous)
        .writeIntegers([0, 4])
      try layer.writeAttribute("batch_size", size)
      try file.close()
    }
    let plan = try JobPlan(
      Job(
        inputs: ["0.h5", "1.h5"].map { folder.path($0) }, output: nil, configuration: JobConfiguration(),
        replacesOutput: false))
    let layer = try #require(plan.layers.first)
    #expect((0..<layer.batches.count).map { layer.batches[$0] } == [0..<4, 4..<8])
  }

  /// Boundaries of batches are counted on from file to file; where a file ends, a batch does.
  @Test(arguments: 0..<6) func batchesOfFiles(round: Int) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let files = try Files(seed: seed, hasOffsets: true, hasMask: round.isMultiple(of: 2))
    let summary = try files.run(
      files.parts, to: "joined.h5", #"{"sync": false, "single_value_batch": "allow"}"#)
    let counts = try files.layer("joined.h5").group("batches").dataset("count").readIntegers()
    #expect(
      counts.reduce(0, +) == Files.sampleCount && summary.layers[0].batches == counts.count, "seed \(seed)")
    let ends = counts.reduce(into: [0]) { $0.append($0.last! + $1) }
    #expect(Set(ends).isSuperset(of: files.cuts), "seed \(seed)")
    // The same batches of one file give the same.
    let whole = try File(updating: files.folder.path("whole.h5"))
    try whole.root.group("layer").createDataset(
      "joined_offsets", type: .int64, shape: [ends.count], storage: .contiguous
    ).writeIntegers(ends)
    try whole.close()
    _ = try files.run(
      [files.folder.path("whole.h5")], to: "whole-out.h5",
      #"{"sync": false, "single_value_batch": "allow", "datasets": {"batch_offsets": "joined_offsets"}}"#)
    let (one, several) = (try files.layer("whole-out.h5"), try files.layer("joined.h5"))
    for name in ["output", "grad_input", "running_var", "population_mean"] {
      #expect(
        try one.dataset(name).readDoubles() == several.dataset(name).readDoubles(), "\(name), seed \(seed)")
    }
  }

  /// A job on several files is divided into shards as one on one file is.
  @Test(arguments: [#""all""#, "256"]) func inShards(size: String) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let files = try Files(seed: seed, hasOffsets: false, hasMask: true)
    let json = #"{"batch_size": \#(size), "sync": false, "threads": 1}"#
    _ = try files.run([files.folder.path("whole.h5")], to: "whole-out.h5", json)
    for _ in 0..<2 {
      for index in 0..<3 where !FileManager.default.fileExists(atPath: files.folder.path("joined.h5")) {
        do {
          _ = try files.run(
            files.parts, to: "joined.h5", json, shard: Shard(index: index, count: 3))
        } catch StreamError.waitsForShards {
          // It has done its first turn.
        }
      }
    }
    try expectEqualBytes(files.layer("whole-out.h5"), files.layer("joined.h5"))
  }

  /// How far the work on several files is, is found by all of their names; and that one of them is another by now.
  @Test func unfinishedWorkIsFound() throws {
    let files = try Files(seed: 5, hasOffsets: false, hasMask: false)
    try #require(files.parts.count > 1)
    let output = files.folder.path("joined.h5")
    _ = try? files.run(
      files.parts, to: "joined.h5", #"{"batch_size": 256, "sync": false}"#, shard: Shard(index: 1, count: 2))
    func report() throws -> WorkspaceReport {
      try #require(
        try WorkspaceReport(folder: output + ".partial") { JobSummary.Failure(code: 73, message: "\($0)") })
    }
    let found = try report()
    #expect(found.job?.inputs == files.parts && found.job?.input == InputFiles.name(of: files.parts))
    #expect(found.isResumable && found.refusal == nil, "\(String(describing: found.refusal))")
    #expect(found.shards?.map(\.state) == [.missing, .done] && found.layers?.count == 1)
    try FileManager.default.changeTime(ofItemAtPath: files.parts[1])
    let changed = try report()
    #expect(!changed.isResumable && changed.refusal?.code == 73)
  }

  /// Of several compressed files more than one is decoded at a time: what that takes is planned for three.
  @Test func decodingOfSeveralIsPlanned() throws {
    let folder = try TemporaryFolder()
    for name in ["0.h5", "1.h5"] {
      let file = try File(anew: folder.path(name))
      let dataset = try file.root.createDataset(
        "activations", type: .float32, shape: [128, 1000],
        storage: .chunked(shape: [64, 1000], filters: [.deflate(level: 1)]))
      let values = (0..<128_000).map { Float($0 % 251) }
      try values.withUnsafeBytes { try dataset.write(leading: 0..<128, as: .float32, from: $0) }
      try file.close()
    }
    func activations(_ names: [String]) throws -> InputDataset {
      let plan = try JobPlan(
        Job(
          inputs: names.map { folder.path($0) }, output: nil,
          configuration: JobConfiguration(json: #"{"outputs": ["population"]}"#, source: "test"),
          replacesOutput: false))
      return try #require(plan.layers.first).activations
    }
    let (one, both) = (try activations(["0.h5"]), try activations(["0.h5", "1.h5"]))
    let ofOne = one.decodingMemory(workers: 2, memory: (1 << 30) / 3)
    // Two workers have a chunk each, and five chunks wait.
    #expect(ofOne > 7 * 256_000)
    #expect(both.decodingMemory(workers: 2, memory: 1 << 30) == 3 * ofOne)
  }

  /// Whichever file it is.
  @Test(arguments: 0..<3) func aFileThatChangesMeanwhileGivesNoOutput(number: Int) throws {
    let folder = try TemporaryFolder()
    let inputs = try (0..<3).map { index in
      let file = try File(anew: folder.path("\(index).h5"))
      try file.root.createGroup("layer").createDataset(
        "activations", type: .float64, shape: [4, 2], storage: .contiguous
      ).writeDoubles([1, 2, 3, 4, 5, 6, 7, 9])
      try file.close()
      return folder.path("\(index).h5")
    }
    let isFirst = Guarded(true)
    let calls = WatchedFileCalls { call, _ in
      let now = isFirst.withLock { isFirst in
        defer { if call.kind == .write { isFirst = false } }
        return isFirst && call.kind == .write
      }
      if now {
        try FileManager.default.changeTime(ofItemAtPath: inputs[number])
      }
      return .made
    }
    let job = Job(
      inputs: inputs, output: folder.path("out.h5"),
      configuration: try JobConfiguration(json: #"{"sync": false, "threads": 1}"#, source: "test"),
      replacesOutput: false)
    #expect(throws: StreamError.inputChanged(path: inputs[number])) {
      try calls.watch {
        _ = try Execution(JobPlan(job), progress: JobProgress(), cancellation: Cancellation())
          .write(to: folder.path("out.h5"))
      }
    }
    #expect(try folder.names.sorted() == ["0.h5", "1.h5", "2.h5"])
  }

  /// One file that changes makes another job of it.
  @Test func aChangedFileIsNoticed() throws {
    let files = try Files(seed: 3, hasOffsets: false, hasMask: false)
    let job = Job(
      inputs: files.parts, output: nil, configuration: JobConfiguration(), replacesOutput: false)
    _ = try files.run(files.parts, to: "out.h5", #"{"sync": false}"#)
    var configuration = JobConfiguration()
    configuration.synchronizes = false
    var same = job
    same.configuration = configuration
    #expect(try JobPlan(same).isFinished(files.folder.path("out.h5")))
    // The same sum of bytes, and the same latest time.
    same.inputs = files.parts.reversed()
    #expect(throws: StreamError.self) { try JobPlan(same).isFinished(files.folder.path("out.h5")) }
  }
}
