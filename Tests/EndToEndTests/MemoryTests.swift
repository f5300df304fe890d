import Foundation
import HDF5
import TestSupport
import Testing

/// The most memory that the process had in use, beside the limit it was given.
///
/// Inputs are larger than the limits, and all zeros, which take no room on the disk unless they are compressed.
@Suite(
  .serialized, .timeLimit(.minutes(30)),
  .disabled(if: Sanitizer.isPresent, "what a sanitizer keeps is not the program's"))
struct MemoryTests {
  /// What a process has beside the limit, of which it counts 16 MiB for itself: its code and that of its libraries in a debug
  /// build, and what the allocator keeps.
  static let constant = 32 << 20

  /// A layer, and how it is to be computed.
  struct Case: Sendable, CustomTestStringConvertible {
    let shape: [Int]
    var type = NumericType.float32
    var hasGradient = true
    var hasMask = false
    var chunk: [Int]?
    /// Keys of the configuration, as JSON.
    var keys = "{}"
    let memory: Int
    var threads = 2
    /// What the plan says of the division, in part.
    let division: String

    var testDescription: String {
      "\(shape), \(type), \(keys), \(memory) MiB, \(threads) threads, \(division)"
    }

    func write(to path: String) throws {
      let file = try File(anew: path)
      let layer = try file.root.createGroup("layer")
      for name in ["activations"] + (hasGradient ? ["grad_output"] : []) {
        let dataset = try layer.createDataset(
          name, type: type, shape: shape,
          storage: chunk.map { .chunked(shape: $0, filters: [.shuffle, .deflate(level: 1)]) } ?? .contiguous)
        if let chunk {
          let rows = [UInt8](
            repeating: 0, count: chunk[0] * dataset.rowElementCount * type.byteCount)
          for first in stride(from: 0, to: shape[0], by: chunk[0]) {
            let range = first..<min(first + chunk[0], shape[0])
            try rows.withUnsafeBytes {
              try dataset.write(
                leading: range, as: type,
                from: UnsafeRawBufferPointer(rebasing: $0[..<(rows.count / chunk[0] * range.count)]))
            }
          }
        }
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

  static let cases = [
    Case(
      shape: [20_000, 512], keys: #"{"sync": false, "batch_size": 1024}"#, memory: 48,
      division: "whole batches, 2 at once"),
    Case(
      shape: [20_000, 512], keys: #"{"sync": false, "batch_size": 512}"#, memory: 64, threads: 7,
      division: "whole batches, 7 at once"),
    Case(
      shape: [20_000, 512], keys: #"{"sync": false, "batch_size": "all"}"#, memory: 128, division: "segments"),
    Case(
      shape: [20_000, 512], keys: #"{"sync": false, "batch_size": "all"}"#, memory: 32, division: "segments"),
    Case(
      shape: [20_000, 512], hasMask: true, keys: #"{"sync": false, "batch_size": "all", \#(everything)}"#,
      memory: 48,
      threads: 3, division: "segments"),
    Case(
      shape: [10_000, 512], type: .float64, keys: #"{"sync": false, "batch_size": "all", \#(everything)}"#,
      memory: 48,
      division: "segments"),
    Case(
      shape: [20_000, 512], type: .native(.float16),
      keys: #"{"sync": false, "batch_size": 1024, "output_type": "float64"}"#,
      memory: 64, division: "whole batches"),
    Case(
      shape: [600, 64, 28, 28], keys: #"{"sync": false, "batch_size": 32, \#(everything)}"#, memory: 96,
      division: "whole batches"),
    Case(
      shape: [12_000, 512], chunk: [256, 512], keys: #"{"sync": false, "batch_size": 1024}"#, memory: 48,
      division: "whole batches"),
    Case(
      shape: [12_000, 512], chunk: [256, 512],
      keys:
        #"{"sync": false, "batch_size": 1024, "output_storage": {"layout": "chunked", "chunk_samples": 256, "gzip": 1, "shuffle": true}}"#,
      memory: 64, division: "whole batches"),
    Case(
      shape: [12_000, 512], chunk: [100, 512],
      keys:
        #"{"sync": false, "batch_size": "all", "output_storage": {"layout": "chunked", "chunk_samples": 300, "gzip": 1}}"#,
      memory: 48, threads: 3, division: "segments"),
    Case(
      shape: [8, 1 << 20], keys: #"{"sync": false, "batch_size": "all"}"#, memory: 64,
      division: "features at a time"),
    Case(
      shape: [8, 1 << 20], hasMask: true, keys: #"{"sync": false, "batch_size": 4, \#(everything)}"#,
      memory: 64, threads: 7,
      division: "features at a time"),
    Case(
      shape: [8, 1 << 17, 9], type: .float64, hasGradient: false,
      keys: #"{"sync": false, "batch_size": "all"}"#, memory: 48,
      division: "features at a time"),
    Case(
      shape: [8, 1 << 20], chunk: [1, 1 << 17], keys: #"{"sync": false, "batch_size": "all"}"#, memory: 64,
      division: "features at a time"),
    Case(
      shape: [8, 1 << 20], chunk: [8, 1 << 14], keys: #"{"sync": false, "batch_size": "all"}"#, memory: 100,
      division: "features at a time"),
    Case(
      shape: [8, 1 << 20], type: NumericType(kind: .float32, byteOrder: .big), chunk: [4, 1 << 18],
      keys: #"{"sync": false, "batch_size": "all"}"#, memory: 96, division: "features at a time"),
    Case(
      shape: [16, 1 << 20], keys: #"{"sync": false, "batch_size": "all"}"#, memory: 256,
      division: "features at a time"),
    // A sample of 16 MiB for each thread that counts, of which the limit has room for two.
    Case(
      shape: [10, 64, 256, 256], hasGradient: false,
      keys: #"{"sync": false, "batch_size": 1, "outputs": ["population", "histograms"]}"#, memory: 64,
      threads: 8, division: "segments"),
  ]

  @Test(.timeLimit(.minutes(30)), arguments: cases)
  func staysBelowTheLimit(layer: Case) throws {
    let program = try Program()
    try layer.write(to: program.path("input.h5"))
    try program.write(layer.keys, to: "configuration.json")
    let options = [
      "--in", "input.h5", "--config", "configuration.json", "--memory", "\(layer.memory)MiB", "--threads",
      "\(layer.threads)",
    ]
    let plan = try program.run(options + ["--dry-run"])
    #expect(plan.output.contains(layer.division), "\(plan.output)\(plan.error)")
    let result = try program.run(options + ["--out", "output.h5", "--json"])
    #expect(result.exitCode == 0, "\(result.error)")
    let peak = try result.report(RunReport.self).peakMemoryBytes
    #expect(
      peak <= layer.memory << 20 + Self.constant, "\(peak >> 20) MiB with a limit of \(layer.memory) MiB")
  }

  /// What a file of 2 KiB claims is not asked for before the limit is looked at: a process that may have 96 MiB of private
  /// memory in all, touched or not, comes to the end of its plan, or creates an output that is larger than it may be.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      // One value for each feature.
      ([1, 1 << 30], 65, 65),
      ([2, 1 << 28], 0, 74),
      ([1 << 28, 2], 0, 74),
      // All positions of a feature and sample are in memory together.
      ([2, 4, 1 << 26], 78, 78),
    ] as [([Int], Int32, Int32)])
  func claims(shape: [Int], planning: Int32, running: Int32) throws {
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    _ = try file.root.createDataset(
      "activations", type: .native(.uint8), shape: shape,
      storage: .chunked(shape: [1] + shape.dropFirst(), filters: []))
    try file.close()
    #expect(try Data(contentsOf: program.folder.appending(path: "input.h5")).count < 4096)
    for (options, exitCode) in [("--dry-run", planning), ("--out output.h5", running)] {
      let result = try program.run(
        shell: """
          ulimit -d 98304; ulimit -f 32768
          exec "$0" --in input.h5 --batch-size all --memory 1GiB --threads 2 \(options)
          """)
      #expect(result.exitCode == exitCode, "\(options): \(result.error)")
      #expect(result.error.isEmpty == (exitCode == 0))
    }
  }

  /// Boundaries that were never written are found wrong before room is made for all of them.
  @Test(.timeLimit(.minutes(30))) func claimedOffsets() throws {
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    for (name, type, shape) in [
      ("activations", NumericType.native(.uint8), [1000, 2]), ("batch_offsets", .int64, [1 << 26]),
    ] {
      _ = try file.root.createDataset(
        name, type: type, shape: shape, storage: .chunked(shape: shape, filters: []))
    }
    try file.close()
    let result = try program.run(shell: #"ulimit -d 98304; exec "$0" --in input.h5 --dry-run"#)
    #expect(result.exitCode == 65)
    #expect(
      result.error.hasPrefix("bn-stream: input.h5: /batch_offsets ends with 0, but there are 1000 samples"),
      "\(result.error)")
  }

  /// How much larger than the file a shape may be, its compression decides: 1.2 GB of which one chunk of 100 bytes was written.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      (.registered(32015, parameters: [3]), 0), (.deflate(level: 1), 65),
    ] as [(FilterRequest, Int32)])
  func compressedClaims(filter: FilterRequest, exitCode: Int32) throws {
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    let dataset = try file.root.createDataset(
      "activations", type: .float32, shape: [300_000, 1024],
      storage: .chunked(shape: [1024, 1024], filters: [filter]))
    let bytes = [UInt8](repeating: 1, count: 100)
    try bytes.withUnsafeBytes { try dataset.writeChunk(at: [0, 0], filterMask: 0, from: $0) }
    try dataset.close()
    try file.close()
    #expect(try Data(contentsOf: program.folder.appending(path: "input.h5")).count < 1 << 20)
    let result = try program.run("--in", "input.h5", "--dry-run")
    #expect(result.exitCode == exitCode, "\(result.error)")
    let isRefused = result.error.contains("input.h5: /activations of shape [300000, 1024] needs ")
    #expect(isRefused == (exitCode == 65), "\(result.error)")
  }

  /// Layers are open only while it is their turn.
  @Test(.timeLimit(.minutes(30))) func manyLayers() throws {
    let program = try Program()
    let file = try File(anew: program.path("input.h5"))
    for number in 0..<2000 {
      let layer = try file.root.createGroup("layer-\(number)")
      for name in ["activations", "grad_output"] {
        let dataset = try layer.createDataset(name, type: .float32, shape: [4, 3], storage: .contiguous)
        try dataset.writeDoubles((0..<12).map { Double($0 * $0 % 7 + number) })
        try dataset.close()
      }
    }
    try file.close()
    let result = try program.run("--in", "input.h5", "--out", "output.h5", "--batch-size", "2", "--json")
    #expect(result.exitCode == 0, "\(result.error)")
    let report = try result.report(RunReport.self)
    #expect(report.layers.count == 2000)
    #expect(report.peakMemoryBytes < 150 << 20, "\(report.peakMemoryBytes >> 20) MiB")
  }
}
