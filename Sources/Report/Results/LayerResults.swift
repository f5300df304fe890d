import BatchNorm
import Configuration
import Foundation
import HDF5
import LayerFiles

/// What a file holds of a layer's results, read vector by vector and row by row; the large tensors are never read.
struct LayerResults {
  let path: String
  /// Every setting, and who said it; empty where an older version did not write it.
  let settings: LayerSettings
  /// Which dataset served which role.
  let datasets: RoleNames
  /// The place in the order in which layers run.
  let depth: Int?
  let epsilon: Double
  /// C and the number of batches; 0 where nothing tells.
  let featureCount: Int
  let batchCount: Int
  /// Samples of each batch; nil without `batches/count`.
  let counts: [Int]?
  /// Positions of a sample, P·S; nil where no large tensor tells.
  let positions: Int?
  private let group: Group
  private let file: InputFile

  /// - Throws: `HDF5Error`, `StreamError`, `ReportError`.
  init(_ path: String, of result: ResultFile) throws {
    let file = result.input
    let group = path == "/" ? file.library.root : try file.library.root.group(path)
    self.path = path
    self.file = file
    self.group = group
    settings = Self.decoded(try group.readString(attribute: "settings")) ?? LayerSettings()
    datasets = Self.decoded(try group.readString(attribute: "datasets")) ?? RoleNames([:])
    depth = try group.readInteger(attribute: "depth")
    epsilon = try group.readDouble(attribute: "epsilon") ?? JobConfiguration.defaultEpsilon.value
    var features: Int?
    var batches: Int?
    let storage = StorageCheck(file: file.path, fileSize: file.status.size)
    // All that is read.
    for result in LayerResult.allCases where ![.samples, .quantilesAndFeatures].contains(result.entry.shape) {
      guard let dataset = try Self.dataset(result, in: group) else { continue }
      // Memory is taken for as many features and batches as a file says that there are.
      try storage.check(dataset)
      let shape = dataset.shape
      if [.features, .batchesAndFeatures].contains(result.entry.shape) { features = features ?? shape.last }
      if result.entry.shape == .batchesAndFeatures { batches = batches ?? shape.first }
    }
    let counted = try Self.dataset(.batchCount, in: group)
    // Damage: as if they were not there.
    let counts = try counted?.readIntegers().wholeCounts
    let featureCount = features ?? 0
    self.counts = counts
    batchCount = batches ?? counts?.count ?? 0
    self.featureCount = featureCount
    let samples = counts?.reduce(0, +) ?? 0
    let shapes = try LayerResult.large.compactMap { try Self.dataset($0, in: group)?.shape }
    positions = shapes.first { $0.count >= 2 && $0[0] == samples && samples > 0 && featureCount > 0 }.map {
      $0.dropFirst().reduce(1, *) / featureCount
    }
    if let counted { try check(.batchCount, counted.shape, [batchCount]) }
  }

  private static func decoded<Value: Decodable>(_ text: String?) -> Value? {
    text.flatMap { try? JSONDecoder().decode(Value.self, from: Data($0.utf8)) }
  }

  /// Σ of the batches' samples.
  var sampleCount: Int? { counts?.reduce(0, +) }

  /// True if one value of each feature is in each sample, and all count: then a batch's variance is that of its samples.
  var samplesAreValues: Bool { positions == 1 && datasets.names[.mask] == nil }

  /// False for a last batch that is smaller than the batch size.
  func isWhole(batch: Int) -> Bool {
    guard let counts, let size = settings[.batchSize]?.value.integer else { return true }
    return counts[batch] == min(size, counts.max() ?? size)
  }

  /// True if the file has the result.
  func holds(_ result: LayerResult) throws -> Bool { try Self.dataset(result, in: group) != nil }

  /// [C]; nil if the file does not have it.
  /// - Throws: as `init`.
  func vector(_ result: LayerResult) throws -> [Double]? {
    guard let dataset = try numbers(result) else { return nil }
    try check(result, dataset.shape, [featureCount])
    return try dataset.readDoubles()
  }

  /// Counts of a tensor's values; nil if the file does not have them.
  /// - Throws: as `init`.
  func histogram(_ result: LayerResult) throws -> BitHistogram? {
    guard let dataset = try numbers(result) else { return nil }
    try check(result, dataset.shape, [BitHistogram.binCount])
    let numbers = try dataset.readDoubles()
    return numbers.map(\.asCount).wholeCounts.flatMap { BitHistogram(counts: $0) }
  }

  /// How many samples the moments are of; nil if the file does not say it.
  func momentSamples() throws -> Int? {
    try group.hasLink("moments") ? try group.group("moments").readInteger(attribute: "samples") : nil
  }

  /// Reads rows [batches, C] from the first to the last.
  /// - Parameters:
  ///   - results: what is wanted; those that the file does not have are left out.
  ///   - body: is handed a batch's number and the rows, by result.
  /// - Throws: as `init`, and what `body` throws.
  func forEachBatch(_ results: [LayerResult], _ body: (Int, [LayerResult: ArraySlice<Double>]) throws -> Void)
    throws
  {
    var open: [(LayerResult, Dataset)] = []
    for result in results {
      guard let dataset = try numbers(result) else { continue }
      try check(result, dataset.shape, [batchCount, featureCount])
      open.append((result, dataset))
    }
    guard !open.isEmpty, featureCount > 0 else { return }
    let step = max(1, Self.stretch / featureCount)
    for first in stride(from: 0, to: batchCount, by: step) {
      let range = first..<min(batchCount, first + step)
      var stretches: [LayerResult: [Double]] = [:]
      for (result, dataset) in open { stretches[result] = try dataset.rows(range) }
      for batch in range {
        let row = (batch - first) * featureCount
        var rows: [LayerResult: ArraySlice<Double>] = [:]
        for (result, numbers) in stretches { rows[result] = numbers[row..<row + featureCount] }
        try body(batch, rows)
      }
    }
  }

  /// So many numbers are read at a time.
  private static let stretch = 1 << 17

  /// The dataset, if its elements are numbers.
  private func numbers(_ result: LayerResult) throws -> Dataset? {
    guard let dataset = try Self.dataset(result, in: group) else { return nil }
    // As the run wrote it, or as another program has copied it.
    guard dataset.type.numericType != nil else {
      throw StreamError.notNumeric(
        file: file.path, dataset: dataset.path, type: dataset.type.description)
    }
    return dataset
  }

  private static func dataset(_ result: LayerResult, in group: Group) throws(HDF5Error) -> Dataset? {
    var parent = group
    if let name = result.group {
      guard try group.hasLink(name) else { return nil }
      parent = try group.group(name)
    }
    return try parent.hasLink(result.name) ? try parent.dataset(result.name) : nil
  }

  private func check(_ result: LayerResult, _ shape: [Int], _ expected: [Int]) throws(ReportError) {
    guard shape == expected else {
      throw .shapesDisagree(
        file: file.path, dataset: (path == "/" ? "" : path) + "/" + result.rawValue, shape: shape,
        expected: expected)
    }
  }
}

extension Dataset {
  /// Some rows of a dataset of numbers.
  fileprivate func rows(_ range: Range<Int>) throws -> [Double] {
    var numbers = [Double](repeating: 0, count: range.count * rowElementCount)
    try numbers.withUnsafeMutableBytes { try read(leading: range, as: .float64, into: $0) }
    return numbers
  }
}

extension Double {
  /// A count that another program may have copied to any type; 0 of what is none.
  fileprivate var asCount: Int { self > 0 && self < 0x1p62 ? Int(self) : 0 }
}

extension [Int] {
  /// The same, unless one is negative or no `Int` holds their sum: then they count nothing that a file can have.
  fileprivate var wholeCounts: [Int]? {
    var sum = 0
    for count in self {
      let (next, overflows) = sum.addingReportingOverflow(count)
      if count < 0 || overflows { return nil }
      sum = next
    }
    return self
  }
}
