import BatchNorm
import HDF5
import RunModel

/// Reads what a layer's group says, checks that it fits together, and decides what the configuration leaves open.
struct LayerReader {
  let group: Group
  /// The input's path, for messages.
  let file: String
  let fileSize: Int
  let configuration: RunConfiguration

  func layer() throws -> Layer {
    let activations = try largeDataset(.activations).orMissing(file, group, .activations)
    let shape = activations.dataset.shape
    guard shape.count >= 2 else {
      throw PipelineError.rankTooSmall(file: file, dataset: activations.dataset.path, rank: shape.count)
    }
    let axis = try featureAxis()
    guard let resolved = axis.resolved(rank: shape.count),
      let layout = FeatureLayout(shape: shape, featureAxis: resolved)
    else {
      throw PipelineError.noSuchAxis(
        file: file, dataset: activations.dataset.path, shape: shape, axis: axis.index)
    }
    guard layout.valuesPerSample > 0 else {
      throw PipelineError.emptyAxis(file: file, dataset: activations.dataset.path, shape: shape)
    }
    let gradOutput = try largeDataset(.gradOutput)
    if let gradOutput, gradOutput.dataset.shape != shape {
      throw PipelineError.wrongShape(
        file: file, dataset: gradOutput.dataset.path, shape: gradOutput.dataset.shape, expected: shape,
        like: activations.dataset.path)
    }
    let (batches, division) = try batches(sampleCount: shape[0])
    let normalization: Normalization =
      configuration.statistics == .running ? .running : configuration.gradient == .full ? .batch : .batchDetached
    let layer = Layer(
      path: group.path, activations: activations, gradOutput: gradOutput,
      mask: try mask(sampleCount: shape[0], positions: layout.valuesPerFeatureAndSample),
      sampleCount: shape[0], featureAxis: resolved, layout: layout, batches: batches, batchDivision: division,
      parameters: try parameters(layout.featureCount, like: activations.dataset),
      running: try runningStatistics(layout.featureCount, like: activations.dataset),
      normalization: normalization, epsilon: try epsilon(), momentum: try momentum(),
      outputs: configuration.outputs, outputType: outputType(for: activations.type))
    try checkSingleValues(layer)
    return layer
  }

  // MARK: - Large tensors

  private func largeDataset(_ role: DatasetRole) throws -> InputDataset? {
    guard let dataset = try dataset(role) else { return nil }
    guard let type = dataset.type.numericType else {
      throw PipelineError.notNumeric(file: file, dataset: dataset.path, type: dataset.type.description)
    }
    try checkStorage(dataset, type)
    let isBFloat16 = configuration.readsUInt16AsBFloat16 && type.kind == .uint16
    return InputDataset(
      dataset: dataset,
      type: isBFloat16 ? NumericType(kind: .bfloat16, byteOrder: type.byteOrder) : type)
  }

  /// The dataset in a role, under whichever of its names it has; nil if there is none.
  private func dataset(_ role: DatasetRole) throws -> Dataset? {
    let names = configuration.datasets.names(for: role)
    let links = try group.links().filter { names.contains($0.name) }
    guard links.count < 2 else {
      throw PipelineError.twoNames(file: file, layer: group.path, names: links.map(\.name))
    }
    guard let link = links.first else { return nil }
    switch link.kind {
    case .dataset: return try group.dataset(link.name)
    case .softLink, .externalLink:
      throw PipelineError.linkNotFollowed(file: file, dataset: group.pathOfChild(link.name))
    case .group, .namedType, .other:
      throw PipelineError.notADataset(file: file, path: group.pathOfChild(link.name))
    }
  }

  /// Refuses data that lies in other files, filters that are not there, and shapes that the file cannot hold.
  private func checkStorage(_ dataset: Dataset, _ type: NumericType) throws {
    let byteCount = dataset.elementCount * type.byteCount
    switch dataset.storage {
    case .external:
      throw PipelineError.foreignStorage(file: file, dataset: dataset.path, kind: "external storage")
    case .virtual:
      throw PipelineError.foreignStorage(file: file, dataset: dataset.path, kind: "a virtual dataset")
    case .contiguous(let offset):
      if let offset, byteCount > 0, offset < 0 || Int(offset) > fileSize - byteCount {
        throw PipelineError.largerThanFile(
          file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
      }
      if offset == nil { try checkUnallocated(dataset, byteCount) }
    case .chunked(let chunks):
      if let filter = chunks.filters.first(where: { !$0.isAvailable }) {
        throw PipelineError.unavailableFilter(file: file, dataset: dataset.path, filter: filter.name)
      }
      if dataset.storageSize == 0 { try checkUnallocated(dataset, byteCount) }
    case .compact: break
    }
  }

  /// A dataset that was never written reads as its fill value. That may be meant, but not with a size that the file
  /// could not describe honestly.
  private func checkUnallocated(_ dataset: Dataset, _ byteCount: Int) throws {
    if byteCount > max(fileSize, 1 << 30) {
      throw PipelineError.largerThanFile(
        file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
    }
  }

  private func mask(sampleCount: Int, positions: Int) throws -> MaskDataset? {
    guard let dataset = try dataset(.mask) else { return nil }
    switch dataset.type {
    case .boolean, .numeric: break
    default:
      throw PipelineError.notNumeric(file: file, dataset: dataset.path, type: dataset.type.description)
    }
    if dataset.shape == [sampleCount] { return MaskDataset(dataset: dataset, entriesPerSample: 1) }
    guard dataset.shape == [sampleCount, positions] else {
      throw PipelineError.wrongMaskShape(
        file: file, dataset: dataset.path, shape: dataset.shape, samples: sampleCount, positions: positions)
    }
    return MaskDataset(dataset: dataset, entriesPerSample: positions)
  }

  // MARK: - Values per feature

  private func parameters(_ featureCount: Int, like activations: Dataset) throws -> [FeatureParameters] {
    let gamma = try featureValues(.gamma, featureCount, like: activations)
    let beta = try featureValues(.beta, featureCount, like: activations)
    return (0..<featureCount).map { FeatureParameters(gamma: gamma?[$0] ?? 1, beta: beta?[$0] ?? 0) }
  }

  private func runningStatistics(_ featureCount: Int, like activations: Dataset) throws -> [GivenStatistics] {
    let mean = try featureValues(.runningMean, featureCount, like: activations)
    let variance = try featureValues(.runningVariance, featureCount, like: activations)
    if let negative = variance?.firstIndex(where: { $0 < 0 }), let variance {
      let path = try dataset(.runningVariance)?.path ?? group.path
      throw PipelineError.negativeVariance(
        file: file, dataset: path, feature: negative, value: variance[negative])
    }
    return (0..<featureCount).map { GivenStatistics(mean: mean?[$0] ?? 0, variance: variance?[$0] ?? 1) }
  }

  /// One number per feature, [C]; nil if the dataset is missing.
  private func featureValues(_ role: DatasetRole, _ featureCount: Int, like activations: Dataset) throws
    -> [Double]?
  {
    guard let dataset = try dataset(role) else { return nil }
    guard let type = dataset.type.numericType else {
      throw PipelineError.notNumeric(file: file, dataset: dataset.path, type: dataset.type.description)
    }
    guard dataset.shape == [featureCount] else {
      throw PipelineError.wrongShape(
        file: file, dataset: dataset.path, shape: dataset.shape, expected: [featureCount],
        like: "\(activations.path) of shape \(activations.shape)")
    }
    try checkStorage(dataset, type)
    if configuration.readsUInt16AsBFloat16 && type.kind == .uint16 {
      return try dataset.readIntegers().map { Double(Float(bitPattern: UInt32($0) << 16)) }
    }
    return try dataset.readDoubles()
  }

  // MARK: - Batches

  private func batches(sampleCount: Int) throws -> (Batches, BatchDivision) {
    if let dataset = try dataset(.batchOffsets) {
      return (Batches(offsets: try offsets(dataset, sampleCount: sampleCount)), .offsets)
    }
    let size = try batchSize()
    let samples = if case .samples(let samples) = size { samples } else { max(1, sampleCount) }
    guard
      let batches = Batches(samples: sampleCount, size: samples, partialBatch: configuration.partialBatch)
    else {
      throw PipelineError.partialBatch(
        file: file, layer: group.path, samples: sampleCount % samples, batchSize: samples)
    }
    return (batches, BatchDivision(size))
  }

  private func offsets(_ dataset: Dataset, sampleCount: Int) throws -> [Int] {
    func invalid(_ problem: PipelineError.OffsetsProblem) -> PipelineError {
      .offsetsInvalid(file: file, dataset: dataset.path, problem: problem)
    }
    guard let type = dataset.type.numericType, !type.kind.isFloat else {
      throw invalid(.notIntegers(type: dataset.type.description))
    }
    guard dataset.shape.count == 1, dataset.elementCount >= 1 else {
      throw invalid(.tooFew(count: dataset.elementCount))
    }
    try checkStorage(dataset, type)
    let offsets = try dataset.readIntegers()
    if let first = offsets.first, first != 0 { throw invalid(.firstIsNotZero(first)) }
    for index in offsets.indices.dropFirst() where offsets[index] < offsets[index - 1] {
      throw invalid(.decreases(index: index, from: offsets[index - 1], to: offsets[index]))
    }
    if let last = offsets.last, last != sampleCount {
      throw invalid(.lastIsNotSampleCount(last: last, samples: sampleCount))
    }
    return offsets
  }

  /// A batch with a single value per feature is known before anything is computed, unless a mask decides.
  private func checkSingleValues(_ layer: Layer) throws {
    guard configuration.singleValueBatch == .error, layer.normalization != .running,
      layer.layout.valuesPerFeatureAndSample == 1, let batch = layer.batches.first(ofSize: 1)
    else { return }
    throw PipelineError.singleValueBatch(
      file: file, layer: layer.path, batch: batch, features: layer.featureCount)
  }

  // MARK: - Configuration, else the layer's attribute, else the default

  private func batchSize() throws -> BatchSize {
    if let size = configuration.batchSize { return size }
    guard let value = try group.readInteger(attribute: "batch_size") else {
      return RunConfiguration.defaultBatchSize
    }
    return try BatchSize(samples: value).orOutOfRange(file, group, "batch_size", "\(value)", "at least 1")
  }

  private func featureAxis() throws -> FeatureAxis {
    if let axis = configuration.featureAxis { return axis }
    guard let value = try group.readInteger(attribute: "feature_axis") else {
      return RunConfiguration.defaultFeatureAxis
    }
    return try FeatureAxis(value).orOutOfRange(file, group, "feature_axis", "\(value)", "other than 0")
  }

  private func epsilon() throws -> Double {
    if let epsilon = configuration.epsilon { return epsilon.value }
    guard let value = try group.readDouble(attribute: "epsilon") else {
      return RunConfiguration.defaultEpsilon.value
    }
    return try Epsilon(value).orOutOfRange(file, group, "epsilon", "\(value)", "a finite number of at least 0")
      .value
  }

  private func momentum() throws -> Momentum {
    if let momentum = configuration.momentum { return momentum }
    guard let value = try group.readDouble(attribute: "momentum") else {
      return RunConfiguration.defaultMomentum
    }
    return try Momentum(factor: value).orOutOfRange(file, group, "momentum", "\(value)", "from 0 to 1")
  }

  private func outputType(for input: NumericType) -> NumericType {
    switch configuration.outputType {
    case .float16: .native(.float16)
    case .bfloat16: .native(.bfloat16)
    case .float32: .native(.float32)
    case .float64: .native(.float64)
    case nil: input.kind.isFloat ? input : .native(.float32)
    }
  }
}

extension Optional {
  fileprivate func orOutOfRange(
    _ file: String, _ group: Group, _ attribute: String, _ value: String, _ allowed: String
  ) throws -> Wrapped {
    if let wrapped = self { return wrapped }
    throw PipelineError.attributeOutOfRange(
      file: file, layer: group.path, attribute: attribute, value: value, allowed: allowed)
  }

  fileprivate func orMissing(_ file: String, _ group: Group, _ role: DatasetRole) throws -> Wrapped {
    if let wrapped = self { return wrapped }
    throw PipelineError.noLayers(path: file)
  }
}
