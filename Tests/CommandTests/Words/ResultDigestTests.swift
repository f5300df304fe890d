import Foundation
import HDF5
import TestSupport
import Testing

/// Every dataset of results over many layouts, types and ways to compute, to the last bit: beside the digests of results that other tests
/// compared with other programs' and with exact arithmetic.
///
/// `tools/generate-said` writes them anew where a change is meant to give other bits.
@Suite(.timeLimit(.minutes(30))) struct ResultDigestTests {
  private static let all =
    #""outputs": ["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "population", "batches", "moments"], "single_value_batch": "allow""#

  /// Configurations and the options beside them. Threads and memory, which change no bit, differ, so that work is divided in many ways.
  static let ways: [(name: String, configuration: String, options: String)] = [
    ("batches of 32", all, "--batch-size 32 --threads 2"),
    ("batches of 7", all, "--batch-size 7 --threads 3 --memory 17MiB"),
    ("batches of 2", all, "--batch-size 2 --threads 1"),
    ("one batch", all, "--batch-size all --threads 4"),
    ("one batch in slices", all, "--batch-size all --threads 2 --memory 18MiB"),
    ("given statistics", all, "--batch-size 32 --statistics running --threads 2"),
    ("detached", all + #", "gradient": "detached""#, "--batch-size 100 --threads 2"),
    ("identity", all, "--batch-size 50 --parameters identity --threads 2"),
    ("averages", all, "--batch-size 64 --momentum none --running-variance biased --epsilon 0.001"),
    ("in float64", all + #", "output_type": "float64""#, "--batch-size 32 --threads 2"),
    (
      "compressed", all + #", "output_storage": {"layout": "chunked", "gzip": 1, "chunk_samples": 9}"#,
      "--batch-size 40"
    ),
    (
      "diagnosed",
      #""outputs": ["diagnostics", "histograms", "grad_input"], "quantiles": [15, 50, 85], "single_value_batch": "allow""#,
      "--batch-size 25 --threads 2"
    ),
  ]

  /// Numbers with all 53 bits, about normally distributed around a mean.
  private struct Numbers {
    var state: UInt64

    mutating func next(_ mean: Double) -> Double {
      var sum = -3.0
      for _ in 0..<6 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Double(state >> 11) * 0x1p-53
      }
      return mean + 1.5 * sum
    }
  }

  private struct Made {
    var shape: [Int]
    var type = NumericType.Kind.float32
    var mean = 0.25
    var storage = StorageRequest.contiguous
    var maskAxes: [Int] = []
    var hasGradient = true
  }

  private static let layers: [String: Made] = [
    "columns16": Made(shape: [1000, 16]), "columns65": Made(shape: [777, 65], mean: 1e4),
    "columns3": Made(shape: [2051, 3], mean: -3), "columns1": Made(shape: [333, 1]),
    "wide": Made(shape: [70, 1029]), "planes": Made(shape: [40, 3, 7, 7], mean: 2),
    "short": Made(shape: [150, 5, 3]), "long": Made(shape: [6, 2, 5000], mean: 100),
    "float64": Made(shape: [300, 9], type: .float64, mean: 1e6),
    "float16": Made(shape: [120, 5, 4], type: .float16),
    "bytes": Made(shape: [200, 6], type: .int8, mean: 3),
    "gzip": Made(
      shape: [130, 8, 5], storage: .chunked(shape: [16, 8, 5], filters: [.shuffle, .deflate(level: 1)])),
    "features": Made(shape: [90, 24], storage: .chunked(shape: [30, 7], filters: [.deflate(level: 1)])),
    "masked": Made(shape: [500, 12], maskAxes: [0]),
    "positions": Made(shape: [60, 4, 9], mean: 5, maskAxes: [0, 2]),
    "forward": Made(shape: [85, 11], hasGradient: false),
  ]

  private static func make(_ program: Program) throws {
    try program.make { root in
      for (name, layer) in layers.sorted(by: { $0.key < $1.key }) {
        let group = try root.createGroup(name)
        var numbers = Numbers(state: UInt64(name.utf8.reduce(7) { $0 &* 31 &+ Int($1) }))
        let (count, features) = (layer.shape.reduce(1, *), layer.shape[1])
        func add(_ name: String, _ mean: Double) throws {
          let values = (0..<count).map { _ in numbers.next(mean) }
          try group.add(
            name, layer.type == .int8 ? values.map { $0.rounded() } : values, shape: layer.shape,
            type: layer.type,
            storage: layer.storage)
        }
        try add("activations", layer.mean)
        if layer.hasGradient { try add("grad_output", 0.125) }
        try group.add("gamma", (0..<features).map { _ in numbers.next(1) })
        try group.add("beta", (0..<features).map { _ in numbers.next(0) })
        try group.addRunningStatistics(
          (0..<features).map { _ in layer.mean + numbers.next(0) },
          (0..<features).map { _ in abs(numbers.next(0)) + 0.5 })
        if !layer.maskAxes.isEmpty {
          let shape = layer.maskAxes.map { layer.shape[$0] }
          let mask = (0..<shape.reduce(1, *)).map { _ in numbers.next(0) < -1 ? 0.0 : 1 }
          try group.add("mask", mask, shape: shape, type: .uint8)
        }
      }
    }
  }

  @Test(arguments: ways.indices) func areWhatTheyWere(_ index: Int) throws {
    let way = Self.ways[index]
    let program = try Program()
    try Self.make(program)
    try program.write("{\(way.configuration)}", to: "config.json")
    let options = way.options.split(separator: " ").map(String.init)
    let result = try program.run(
      ["--in", "in.h5", "--out", "out.h5", "--config", "config.json", "--quiet"] + options)
    try #require(result.exitCode == 0, "\(result.error)")
    let lines = try program.root("out.h5").digests
    #expect(lines.count > 20)
    try Fixture.compare(
      lines.joined(separator: "\n") + "\n", "digests/\(way.name.replacing(" ", with: "-")).txt")
  }
}

extension Group {
  /// A line for each dataset below, with the digest of its numbers.
  fileprivate var digests: [String] {
    get throws {
      try links().map(\.name).sorted().flatMap { name -> [String] in
        guard let dataset = try? dataset(name) else { return try group(name).digests }
        return ["\(dataset.path) \(dataset.shape) \(dataset.type) \(try dataset.digest)"]
      }
    }
  }
}
