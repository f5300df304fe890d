import BatchNormReference
import Configuration
import HDF5
import Inspection
import Jobs
import LayerFiles
import Parallel

/// What an experiment is shown: a user's layer, or the sample that is in the program.
package protocol ExplainedSource {
  /// A batch of the layer.
  func batch(_ number: Int) throws -> ExplainedBatch
  /// All samples with their classes.
  func labelledSamples() throws -> LabelledSamples
  /// The values of all features that count, [rows, C], in this many blocks.
  var blockCount: Int { get }
  func rows(block: Int) throws -> DenseMatrix
  /// What it is, with so many values of each feature.
  func data(count: Int) -> ExplainedData
  /// - Throws: `StreamError.needsMemory` if the limit is less.
  func requireMemory(_ byteCount: Int) throws
}

/// All 1,797 of scikit-learn's handwritten digits, 8 × 8 pixels from 0 to 16, with their classes.
package struct DigitsSample: ExplainedSource {
  private let configuration: JobConfiguration

  /// - Parameter configuration: of which the batch size and ε count.
  package init(_ configuration: JobConfiguration) { self.configuration = configuration }

  /// [1797, 64] and [1797]
  static let digits: (x: DenseMatrix, labels: [Int]) = {
    let lines = pixels.utf8.split(separator: UInt8(ascii: "\n"))
    return (
      DenseMatrix(
        rows: lines.count, columns: 64,
        values: lines.flatMap { $0.dropFirst().map { Double($0 - UInt8(ascii: "a")) } }),
      lines.map { Int($0.first! - UInt8(ascii: "0")) }
    )
  }()

  package func batch(_ number: Int) throws -> ExplainedBatch {
    let all = Self.digits.x
    let size: Int
    switch configuration.batchSize ?? JobConfiguration.defaultBatchSize {
    case .samples(let samples): size = min(samples, all.rows)
    case .all: size = all.rows
    }
    let count = (all.rows + size - 1) / size
    guard number < count else { throw ExplainError.noSuchBatch(batch: number, count: count) }
    let x = all.selecting(rows: number * size..<min(all.rows, (number + 1) * size))
    return ExplainedBatch(
      data: ExplainedData(file: nil, layer: nil, batch: number, count: x.rows, features: x.columns),
      inputs: GraphInputs(
        x: FeatureMatrix(rowCount: x.rows, featureCount: x.columns, values: x.values),
        gamma: FeatureRow(repeating: 1, count: x.columns), beta: FeatureRow(repeating: 0, count: x.columns),
        epsilon: (configuration.epsilon ?? JobConfiguration.defaultEpsilon).value),
      dout: nil)
  }

  private static let rowsPerBlock = 256

  package var blockCount: Int { (Self.digits.x.rows + Self.rowsPerBlock - 1) / Self.rowsPerBlock }

  package func rows(block: Int) -> DenseMatrix {
    let x = Self.digits.x
    return x.selecting(rows: block * Self.rowsPerBlock..<min(x.rows, (block + 1) * Self.rowsPerBlock))
  }

  package func data(count: Int) -> ExplainedData {
    ExplainedData(file: nil, layer: nil, batch: nil, count: count, features: Self.digits.x.columns)
  }

  /// The sample is small.
  package func requireMemory(_ byteCount: Int) {}

  package func labelledSamples() -> LabelledSamples {
    let (x, labels) = Self.digits
    return LabelledSamples(
      ExplainedData(file: nil, layer: nil, batch: nil, count: x.rows, features: x.columns), x: x,
      labels: labels)
  }
}

/// A layer of a file.
package struct ExplainedLayer: ExplainedSource {
  private let plan: JobPlan
  private let layer: Layer
  private let cancellation: Cancellation

  /// - Parameter layer: one of the plan's.
  package init(_ layer: Layer, of plan: JobPlan, cancellation: Cancellation) {
    self.plan = plan
    self.layer = layer
    self.cancellation = cancellation
  }

  package func batch(_ number: Int) throws -> ExplainedBatch {
    let trace = try plan.trace(layer, batch: number, cancellation: cancellation).trace
    try requireFinite(trace.inputs.x.values + (trace.dout?.values ?? []))
    return ExplainedBatch(
      data: ExplainedData(
        file: plan.job.input, layer: layer.path, batch: number, count: trace.inputs.x.rowCount,
        features: layer.featureCount),
      inputs: trace.inputs, dout: trace.dout)
  }

  /// Blocks have about so many bytes.
  private static let blockBytes = 4 << 20

  private var samplesPerBlock: Int { max(1, Self.blockBytes / (8 * layer.layout.valuesPerSample)) }

  package var blockCount: Int { (layer.sampleCount + samplesPerBlock - 1) / samplesPerBlock }

  package func rows(block: Int) throws -> DenseMatrix {
    let samples = block * samplesPerBlock..<min(layer.sampleCount, (block + 1) * samplesPerBlock)
    let values = try plan.values(of: layer, samples: samples)
    let layout = layer.layout
    // [samples · P, C, S] becomes [samples · P · S, C].
    let (outer, features, inner) = (
      samples.count * layout.positionRows, layout.featureCount, layout.planeLength
    )
    var rows: [Double] = []
    rows.reserveCapacity(values.x.count)
    for row in 0..<outer * inner where values.mask?[row] != false {
      let start = row / inner * features * inner + row % inner
      for feature in 0..<features { rows.append(values.x[start + feature * inner]) }
    }
    try requireFinite(rows)
    return DenseMatrix(rows: rows.count / features, columns: features, values: rows)
  }

  package func data(count: Int) -> ExplainedData {
    ExplainedData(
      file: plan.job.input, layer: layer.path, batch: nil, count: count, features: layer.featureCount)
  }

  package func requireMemory(_ byteCount: Int) throws {
    let need = byteCount.addingReportingOverflow(6 * 8 * samplesPerBlock * layer.layout.valuesPerSample)
    guard need.overflow || need.partialValue > plan.job.memory else { return }
    throw StreamError.needsMemory(
      file: plan.job.input, layer: layer.path, need: need.overflow ? .max : need.partialValue,
      limit: plan.job.memory, what: .covariance(features: layer.featureCount))
  }

  package func labelledSamples() throws -> LabelledSamples {
    let dataset: LabelsDataset
    switch try plan.input.first.labels(of: layer, plan.job.configuration) {
    case .dataset(let found): dataset = found
    case .missing(let similar):
      throw ExplainError.noLabels(file: plan.job.input, layer: layer.path, similar: similar)
    }
    let columns = layer.layout.valuesPerSample
    let (need, overflows) = (3 * 8 * columns).multipliedReportingOverflow(by: layer.sampleCount)
    guard !overflows, need <= plan.job.memory else {
      throw StreamError.needsMemory(
        file: plan.job.input, layer: layer.path, need: overflows ? .max : need, limit: plan.job.memory,
        what: .allSamples(layer.sampleCount))
    }
    let labels = try dataset.classes()
    let classes = Set(labels).sorted()
    guard classes.count >= 2 else {
      throw ExplainError.tooFewClasses(file: plan.job.input, dataset: dataset.path, count: classes.count)
    }
    guard classes.count <= Self.mostClasses else {
      throw ExplainError.tooManyClasses(
        file: plan.job.input, dataset: dataset.path, count: classes.count, limit: Self.mostClasses)
    }
    let number = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    let x = try plan.values(of: layer, samples: 0..<layer.sampleCount).x
    try requireFinite(x)
    return LabelledSamples(
      ExplainedData(
        file: plan.job.input, layer: layer.path, batch: nil, count: layer.sampleCount, features: columns),
      x: DenseMatrix(rows: layer.sampleCount, columns: columns, values: x),
      labels: labels.compactMap { number[$0] })
  }

  /// With more, labels are no classes: they were numbers of samples, or measurements.
  private static let mostClasses = 1000

  private func requireFinite(_ values: [Double]) throws(ExplainError) {
    let count = values.count { !$0.isFinite }
    if count > 0 { throw .notFinite(file: plan.job.input, layer: layer.path, count: count) }
  }
}

/// What keeps an experiment from running, beside what stops every job.
public enum ExplainError: Error, Sendable, Equatable {
  /// The sample has no batch of this number.
  case noSuchBatch(batch: Int, count: Int)
  /// The layer has no dataset `labels`, but perhaps one that is called nearly so.
  case noLabels(file: String, layer: String, similar: String?)
  /// There is nothing to tell apart.
  case tooFewClasses(file: String, dataset: String, count: Int)
  case tooManyClasses(file: String, dataset: String, count: Int, limit: Int)
  /// LAPACK is not installed.
  case noLAPACK
  /// Values that are NaN or infinite.
  case notFinite(file: String, layer: String, count: Int)
}
