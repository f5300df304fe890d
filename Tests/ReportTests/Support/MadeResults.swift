import Foundation
import HDF5
import LayerFiles
import Report
import TestSupport

/// A result file as a run writes it, with the numbers that a test wants.
final class MadeResults {
  let folder: URL
  let path: String
  private let file: File

  init(version: String? = "0.1.0") throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "report-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appending(path: "results.h5").path
    file = try File(anew: path)
    try file.root.writeAttribute("program", "bn-stream")
    if let version { try file.root.writeAttribute("version", version) }
    try file.root.writeAttribute("input_path", "acts.h5")
  }

  /// A file with one layer of these statistics of all values, and ε = 1/4.
  convenience init(
    _ mean: [Double], _ variance: [Double], gradient: [Double]? = nil, path: String = "layer"
  ) throws {
    try self.init()
    var vectors = ["population_mean": mean, "population_var": variance]
    if let gradient { (vectors["grad_gamma"], vectors["grad_beta"]) = (gradient, gradient) }
    try layer(path, epsilon: 0.25, vectors: vectors)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Adds a layer.
  /// - Parameters:
  ///   - epsilon: nil for a layer that does not say it.
  ///   - rows: [batches, C] of each result, row by row.
  ///   - vectors: [C] of each result.
  ///   - counts: samples of each batch.
  @discardableResult
  func layer(
    _ path: String, depth: Int? = nil, epsilon: Double? = 1e-5, vectors: [String: [Double]] = [:],
    rows: [String: [[Double]]] = [:], counts: [Int] = [], batchSize: Int? = nil, output: [Int]? = nil
  ) throws -> Group {
    var group = file.root
    for name in path.pathComponents {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    if let epsilon { try group.writeAttribute("epsilon", epsilon) }
    if let depth { try group.writeAttribute("depth", depth) }
    if let batchSize {
      try group.writeAttribute("settings", #"{"batch_size": {"value": \#(batchSize), "origin": "option"}}"#)
    }
    for (name, values) in vectors.sorted(by: { $0.key < $1.key }) {
      try Self.add(name, values, [values.count], to: group)
    }
    for (name, values) in rows.sorted(by: { $0.key < $1.key }) {
      try Self.add(name, values.flatMap { $0 }, [values.count, values.first?.count ?? 0], to: group)
    }
    if !counts.isEmpty {
      try Self.add("batches/count", counts.map(Double.init), [counts.count], to: group, type: .int64)
    }
    if let output {
      _ = try group.createDataset("output", type: .native(.float32), shape: output, storage: .contiguous)
    }
    return group
  }

  private static func add(
    _ path: String, _ values: [Double], _ shape: [Int], to group: Group, type: NumericType.Kind = .float64
  ) throws {
    var parent = group
    let names = path.pathComponents
    for name in names.dropLast() {
      parent = try parent.hasLink(name) ? parent.group(name) : parent.createGroup(name)
    }
    try parent.createDataset(names.last ?? "", type: .native(type), shape: shape, storage: .contiguous)
      .writeDoubles(values)
  }

  /// A layer with which nothing is wrong, of two features.
  func healthyLayer(_ path: String, depth: Int? = nil, scale: Double = 1, gradient: Double? = nil) throws {
    let means = [[0.1, -0.1], [-0.1, 0.1], [0.05, 0], [-0.05, 0]].map { $0.map { scale * $0 } }
    let one = scale * scale
    var rows = [
      "batches/mean": means, "batches/var": [[one, one * 1.1], [one * 1.1, one], [one, one], [one, one]],
      "batches/grad_gamma": [[1, 2], [1, 2], [1, 2], [1, 2]],
      "batches/grad_beta": [[1, 2], [1, 2], [1, 2], [1, 2]],
    ]
    if let gradient {
      rows["diagnostics/grad_input_square_sum"] = [[Double]](
        repeating: [gradient / 8, gradient / 8], count: 4)
    }
    try layer(
      path, depth: depth,
      vectors: [
        "population_mean": [0, 0], "population_var": [one, one], "running_mean": [0, 0],
        "running_var": [one, one],
        "grad_gamma": [4, 8], "grad_beta": [4, 8],
      ],
      rows: rows, counts: [32, 32, 32, 32], output: [128, 2])
  }

  /// Closes the file, and opens it as results.
  func resultFile() throws -> ResultFile {
    try file.close()
    return try ResultFile(path: path)
  }

  /// Closes the file, and judges it.
  func report() throws -> ResultReport { try ResultReport(resultFile()) }
}

extension ComparisonReport {
  init(_ first: MadeResults, _ second: MadeResults, failAbove: Double? = nil) throws {
    try self.init(first.resultFile(), second.resultFile(), failAbove: failAbove)
  }
}
