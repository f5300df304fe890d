import Configuration
import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// Jobs for several shards.
enum DividedJobs {
  /// Jobs whose batches are cut, or chunks, or both: a shard comes in two turns where it shares a batch.
  static let all = [
    // A leaf has 4096 samples.
    (30_000, #""batch_size": "all", "sync": false"#),
    (
      30_000,
      #""batch_size": 20000, "sync": false, "outputs": ["output", "grad_input", "normalized", "batches", "running", "population"]"#
    ),
    (
      30_000,
      #""batch_size": "all", "sync": false, "output_storage": {"layout": "chunked", "gzip": 1, "shuffle": true, "chunk_samples": 3000}"#
    ),
    (30_000, #""batch_size": "all", "sync": false, "outputs": ["batches", "population"]"#),
    (
      30_000,
      #""batch_size": "all", "output_type": "float16", "sync": false, "outputs": ["output", "grad_input"]"#
    ),
    (
      90,
      #""batch_size": 8, "sync": false, "output_storage": {"layout": "chunked", "chunk_samples": 7, "gzip": 6}"#
    ),
    (
      90,
      #""batch_size": 1, "single_value_batch": "allow", "sync": false, "output_storage": {"layout": "chunked", "chunk_samples": 50, "fletcher32": true}"#
    ),
    // Several pages for each shard.
    (20_000, #""batch_size": 100, "sync": false"#),
    (
      90,
      #""batch_size": 8, "sync": false, "output_storage": {"layout": "chunked", "chunk_samples": 7, "zstd": 9, "fletcher32": true}"#
    ),
    (
      30_000,
      #""batch_size": "all", "sync": false, "output_storage": {"layout": "chunked", "lz4": true, "bitshuffle": true, "chunk_samples": 3000}"#
    ),
    // With statistics that are given, about whose mean sums are taken.
    (
      30_000,
      #""batch_size": "all", "statistics": "running", "datasets": {"running_mean": "none", "running_var": "none"}, "sync": false"#
    ),
    // What is gathered for diagnostics is sent to nobody: one shard has all of a batch.
    (
      30_000,
      #""batch_size": "all", "sync": false, "outputs": ["output", "grad_input", "batches", "diagnostics"]"#
    ),
    (
      30_000,
      #""batch_size": 20000, "sync": false, "outputs": ["output", "grad_input", "batches", "population", "diagnostics"]"#
    ),
  ]
}

extension SmallJob {
  /// A job whose batch several shards share, of one layer, in so little memory that each part of it has many segments.
  static func inSegments(storage: String) throws -> SmallJob {
    try .recording(
      #""batch_size": "all", "sync": false, "layers": ["first"], "memory": "17MiB", "output_storage": {\#(storage)}"#,
      samples: 200_000)
  }

  /// Samples of a segment of the first layer; nil if its batches are not divided.
  var samplesPerSegment: Int? {
    get throws {
      guard case .segments(let samples, _)? = try plan().schedules.first?.division else { return nil }
      return samples
    }
  }

  /// Runs shards in some order until the output is there.
  /// - Returns: how often one had to wait for others.
  func finish(
    _ count: Int, _ random: inout SeededGenerator,
    _ run: (SmallJob) throws -> Void = { try $0.run() }
  ) throws -> Int {
    var job = self
    var waits = 0
    for round in 0..<3 {
      for (number, index) in (0..<count).shuffled(using: &random).enumerated() {
        if FileManager.default.fileExists(atPath: job.output) { return waits }
        job.threads = 1 + (number + round) % 3
        job.shard = Shard(index: index, count: count)
        do {
          try run(job)
        } catch StreamError.waitsForShards(_, _, let shard, let missing) {
          #expect(shard == job.shard && !missing.isEmpty && !missing.contains(index))
          waits += 1
        }
      }
    }
    return waits
  }
}
