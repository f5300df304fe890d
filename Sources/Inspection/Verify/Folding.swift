import BatchNorm
import HDF5
import Jobs
import LayerFiles
import Parallel

/// A layer folded for inference: y = scale · x + bias, with
///
///     scale = γ/√(variance + ε), bias = β - mean · scale
///
/// of the given running statistics, or, where none are given, of those of all values of the data.
struct FoldedLayer {
  /// [C] each.
  let scale: [Double]
  let bias: [Double]
  /// What terms of the bias are like, [C].
  let biasTerms: [Double]

  /// - Parameters:
  ///   - parameters: nil for those that make y = x.
  init(_ statistics: [GivenStatistics], _ parameters: [FeatureParameters]?, epsilon: Double) {
    var (scale, bias, terms): ([Double], [Double], [Double]) = ([], [], [])
    for (feature, given) in statistics.enumerated() {
      let deviation = (given.variance + epsilon).squareRoot()
      let parameters =
        parameters?[feature] ?? FeatureParameters(gamma: deviation, beta: given.mean)
      let factor = deviation == 0 ? 0 : parameters.gamma / deviation
      scale.append(factor)
      bias.append(parameters.beta - given.mean * factor)
      terms.append(max(parameters.beta.magnitude, (given.mean * factor).magnitude))
    }
    (self.scale, self.bias, biasTerms) = (scale, bias, terms)
  }
}

extension Verification {
  /// Compares `scale` and `bias` of layers that were folded for inference, in place of results.
  /// - Throws: `StreamError`; `InspectionError` if there is nothing to compare.
  public func foldedReport(progress: JobProgress, cancellation: Cancellation) throws -> VerifyReport {
    let found = try plan.layers.map { try FoldedDatasets($0, in: against, job: plan.job) }
    guard found.contains(where: { $0 != nil }) else {
      throw InspectionError.nothingFolded(
        file: against.path, input: plan.job.input, layers: plan.layers.map(\.path))
    }
    // Nothing is read of layers whose statistics are given, and of those that the other file does not have.
    let read = zip(plan.layers, found).filter { !$0.0.hasGivenStatistics && $0.1 != nil }.map {
      $0.0.population
    }
    progress.setTotal(read.reduce(0) { $0 + $1.inputByteCount })
    let layers = try zip(plan.layers, found).map { layer, found in
      guard let found else {
        return LayerVerification(path: layer.path, group: nil, folded: [])
      }
      let ours = try folded(layer, progress, cancellation)
      var verification = LayerVerification(
        path: layer.path, group: found.group,
        folded: try FoldedDatasets.Part.allCases.compactMap { part in
          try found.datasets[part].map { try compare(part, $0, ours, layer) }
        })
      verification.foldedWith = layer.hasGivenStatistics ? "running" : "population"
      return verification
    }
    try plan.input.checkIsUnchanged()
    try against.checkIsUnchanged()
    return VerifyReport(
      version: programVersion, input: plan.job.input, against: against.path, layers: layers)
  }

  private func folded(_ layer: Layer, _ progress: JobProgress, _ cancellation: Cancellation) throws
    -> FoldedLayer
  {
    let features = 0..<layer.featureCount
    let parameters = try layer.given.parameters(features)
    if layer.hasGivenStatistics {
      return FoldedLayer(try layer.given.statistics(features), parameters, epsilon: layer.epsilon)
    }
    let statistics = PopulationStatistics(layer)
    try plan.run(
      layer.population, configuration: plan.job.configuration, into: statistics,
      reserved: 3 * 8 * layer.featureCount, progress: progress, cancellation: cancellation)
    return FoldedLayer(statistics.found, parameters, epsilon: layer.epsilon)
  }

  private func compare(
    _ part: FoldedDatasets.Part, _ dataset: ResultDataset, _ ours: FoldedLayer, _ layer: Layer
  ) throws -> ResultComparison {
    let numbers = part == .scale ? ours.scale : ours.bias
    let whole = TensorPart(samples: 0..<1, features: 0..<layer.featureCount)
    let buffer = try AlignedBuffer(byteCount: 8 * numbers.count)
    let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<(8 * numbers.count)])
    try dataset.read(whole, into: bytes)
    let theirs = Array(UnsafeRawBufferPointer(bytes).bindMemory(to: Double.self))
    // As any result of one number a feature.
    let kind = LayerResult.populationMean
    var errors = ElementErrors(layer.layout(of: kind))
    errors.add(numbers, theirs, whole)
    let scales = part == .bias ? ours.biasTerms : []
    var comparison = ResultComparison(
      "folded/\(part.rawValue)", dataset, errors: errors, scales: scales, shape: layer.shape(of: kind),
      tolerance: tolerance)
    if !comparison.agrees {
      let limits = numbers.indices.map {
        Tolerance(dataset.type.kind, tolerance).limit(errors.scale($0, atLeast: scales))
      }
      var wrong = WrongElements(
        .init(layout: layer.layout(of: kind), rows: 1, batches: nil, limits: limits, type: dataset.type.kind))
      wrong.add(numbers, theirs, whole)
      comparison.wrong = WrongValues(wrong, kind, of: layer, comparison)
    }
    return comparison
  }
}

extension Layer {
  /// The same layer, of which nothing is computed but mean and variance of all values.
  fileprivate var population: Layer { with(outputs: [.population], outputType: .float64) }
}

extension LayerVerification {
  /// - Parameter folded: of `scale` and `bias`, as far as they are there.
  fileprivate init(path: String, group: String?, folded: [ResultComparison]) {
    self.init(path: path, group: group, comparisons: folded, ignored: [], absent: [])
    let found = folded.map(\.result)
    missing = FoldedDatasets.Part.allCases.map { "folded/\($0.rawValue)" }.filter { !found.contains($0) }
    absent = missing
    unexplained = folded.filter { !$0.agrees }.map(\.result)
  }
}

/// Where another program's folded parameters of a layer lie.
private struct FoldedDatasets {
  enum Part: String, CaseIterable { case scale, bias }

  let group: String
  let datasets: [Part: ResultDataset]

  /// Finds `folded/scale`, `folded_scale` or `scale`, and the bias likewise, under `/expected` or in the layer's own group. Where
  /// activations lie beside them, `scale` and `bias` are the layer's parameters.
  /// - Throws: `StreamError` if one of them cannot be read or compared.
  init?(_ layer: Layer, in file: InputFile, job: Job) throws {
    do {
      for path in ["/expected" + (layer.path == "/" ? "" : layer.path), layer.path] {
        guard let group = try file.library.root.descendant(path) else { continue }
        let inner = try group.descendant("folded")
        let isInput = try group.hasLink("activations")
        var datasets: [Part: ResultDataset] = [:]
        for part in Part.allCases {
          var places = [(inner, part.rawValue), (group, "folded_\(part.rawValue)")]
          if !isInput { places.append((group, part.rawValue)) }
          for (place, name) in places {
            guard let place, datasets[part] == nil, try place.hasLink(name) else { continue }
            datasets[part] = try ResultDataset(
              name, in: place, of: file, as: .populationMean, of: layer, like: "\(layer.path) of the input",
              workers: job.threads, memory: job.memory,
              readsUInt16AsBFloat16: job.configuration.readsUInt16AsBFloat16)
          }
        }
        if datasets.isEmpty { continue }
        self.group = path
        self.datasets = datasets
        return
      }
      return nil
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: file.path, error)
    }
  }
}

/// Takes mean and variance of all values.
private final class PopulationStatistics: LayerWriter {
  /// One number a feature, which several threads write.
  private final class Row: TensorWriter {
    private let values: Guarded<[Double]>

    init(_ count: Int) { values = Guarded(Array(repeating: .nan, count: count)) }

    var all: [Double] { values.withLock { $0 } }

    func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
      let some = Array(buffer.bindMemory(to: Double.self))
      values.withLock { $0.replaceSubrange(part.features, with: some) }
    }
  }

  private let means: Row
  private let variances: Row

  init(_ layer: Layer) { (means, variances) = (Row(layer.featureCount), Row(layer.featureCount)) }

  var found: [GivenStatistics] {
    zip(means.all, variances.all).map { GivenStatistics(mean: $0, variance: $1) }
  }

  func writer(of result: LayerResult) -> (any TensorWriter)? {
    switch result {
    case .populationMean: means
    case .populationVariance: variances
    default: nil
    }
  }
}
