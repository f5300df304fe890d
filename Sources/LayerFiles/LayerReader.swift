import BatchNorm
import Configuration
import HDF5

/// Reads what a layer's datasets and attributes say, checks that it fits together, and decides what the configuration leaves open.
struct LayerReader {
  /// What the layer is called.
  let name: String
  private let place: LayerPlace
  /// Where the layer's attributes are: its group, or its activations where it has none.
  let attributes: any AttributeHolder
  private let input: InputFile
  /// Of the same layer in the files whose samples follow those of this one.
  var following: [LayerReader] = []
  let configuration: JobConfiguration
  /// Attributes of the root that are called like settings of layers.
  private let settingsOfRoot: [NearMisses.Attribute]
  /// What is the same for all layers.
  let commonSettings: LayerSettings
  private let datasets: RoleDatasets

  /// - Parameter attributes: where the layer's attributes are.
  init(
    _ layer: FoundLayer, _ attributes: any AttributeHolder, in input: InputFile,
    _ configuration: JobConfiguration, settingsOfRoot: [NearMisses.Attribute], commonSettings: LayerSettings
  ) {
    name = layer.name
    place = layer.place
    self.attributes = attributes
    self.input = input
    self.configuration = configuration
    self.settingsOfRoot = settingsOfRoot
    self.commonSettings = commonSettings
    datasets = RoleDatasets(layer, attributes, in: input, configuration)
  }

  private var storage: StorageCheck { StorageCheck(file: file, fileSize: input.status.size) }
  /// The file's path, for messages.
  var file: String { input.path }
  /// What all files are called together, for messages.
  private var allFiles: String { InputFiles.name(of: [file] + following.map(\.file)) }

  /// What this file has of the layer's samples.
  /// - Throws: `StreamError`.
  func part() throws -> LayerPart {
    guard let activations = try largeDataset(.activations) else {
      throw StreamError.notADataset(file: file, path: name)
    }
    let shape = activations.shape
    guard shape.count >= 2 else {
      throw StreamError.rankTooSmall(file: file, dataset: activations.path, shape: shape)
    }
    let axis = try setting(.featureAxis)
    guard let resolved = axis.value.resolved(rank: shape.count),
      let layout = FeatureLayout(shape: shape, featureAxis: resolved)
    else {
      throw StreamError.noSuchAxis(
        file: file, dataset: activations.path, shape: shape, axis: axis.value.index)
    }
    guard layout.valuesPerSample > 0 else {
      throw StreamError.emptyAxis(file: file, dataset: activations.path, shape: shape)
    }
    let gradOutput = try largeDataset(.gradOutput)
    if let gradOutput, gradOutput.shape != shape {
      throw StreamError.wrongShape(
        file: file, dataset: gradOutput.path, shape: gradOutput.shape, expected: shape,
        like: activations.path)
    }
    return LayerPart(
      activations: activations, gradOutput: gradOutput, mask: try mask(of: shape, featureAxis: resolved),
      batchOffsets: try batchOffsets(sampleCount: shape[0]), layout: layout,
      featureAxis: Setting(resolved, axis.origin))
  }

  /// The layer, with the samples of all files.
  /// - Throws: `StreamError`.
  func layer() throws -> Layer {
    let own = try part()
    let part = own.followed(by: try followingParts(after: own))
    let (activations, layout) = (part.activations, part.layout)
    let (batches, division) = try batches(of: part)
    let statistics = try setting(.statistics)
    let normalization: Normalization =
      statistics.value == .running ? .running : configuration.gradient == .full ? .batch : .batchDetached
    let names = try datasetNames()
    if normalization == .running { try checkRunningStatistics(names) }
    let (epsilon, momentum) = (try setting(.epsilon), try setting(.momentum))
    let runningVariance = try setting(.runningVariance)
    let outputType = outputType(for: activations.type)
    var settings = commonSettings
    settings.add(.batchSize, division)
    settings.add(.statistics, statistics)
    settings.add(.epsilon, epsilon)
    settings.add(.momentum, momentum)
    settings.add(.runningVariance, runningVariance)
    settings.add(.featureAxis, part.featureAxis.value, part.featureAxis.origin)
    settings.add(.outputType, outputType.kind.rawValue, configuration.origins[.outputType] ?? .byDefault)
    var layer = Layer(
      path: name, place: place.withoutLinks, activations: activations, gradOutput: part.gradOutput,
      mask: part.mask, sampleCount: part.sampleCount, featureAxis: part.featureAxis.value, layout: layout,
      batches: batches, batchDivision: division.value,
      given: try givenVectors(layout.featureCount, like: activations),
      normalization: normalization, epsilon: epsilon.value.value, momentum: momentum.value,
      runningVariance: runningVariance.value,
      settings: settings,
      depth: try attributes.readInteger(attribute: "depth"),
      datasetNames: names,
      outputs: configuration.outputs, percents: configuration.quantiles?.values ?? [], outputType: outputType,
      warnings: try warnings(activations, part.gradOutput, settings, names, division.value))
    try checkSingleValues(layer)
    try checkVectorsOfFollowing(layer)
    try layer.judgeGiven(file: file, configuration.nonfinite)
    return layer
  }

  // MARK: - What a user should know

  private func warnings(
    _ activations: InputDataset, _ gradOutput: InputDataset?, _ settings: LayerSettings,
    _ names: [DatasetRole: String], _ division: BatchDivision
  ) throws -> [StreamWarning] {
    var warnings: [StreamWarning] = []
    if division == .offsets, let size = configuration.batchSize {
      warnings.append(
        .batchOffsetsOverride(
          layers: [name], batchSize: size.description,
          origin: configuration.origins[.batchSize] ?? .configuration))
    }
    // Where only statistics are asked for, as to recalibrate a model, nothing is normalized as the model did not.
    if let statistics = settings[.statistics], configuration.statistics == .batch,
      !configuration.outputs.isSubset(of: [.running, .population, .batches, .moments]),
      try attributes.storedValue(attribute: statistics.key.rawValue)
        == .text(StatisticsSource.running.rawValue)
    {
      warnings.append(.recordedInEvaluation(layers: [name], origin: statistics.origin))
    }
    for dataset in [activations, gradOutput] {
      // Of several files each may hold another format.
      for part in dataset.map({ $0.parts.isEmpty ? [$0] : $0.parts }) ?? [] {
        guard let words = part.format.rounded else { continue }
        let warning = StreamWarning.numbersRounded(datasets: [part.path], words: words)
        if !warnings.contains(warning) { warnings.append(warning) }
      }
    }
    warnings += nearMisses(names, settings).warnings
    // Of several files each may have slips of its own; what the first has, as parameters, the others need not.
    for reader in following {
      let served = try reader.datasetNames().merging(names) { own, _ in own }
      for warning in reader.nearMisses(served, settings).warnings where !warnings.contains(warning) {
        warnings.append(warning)
      }
    }
    return warnings
  }

  /// What was probably meant for the layer, and is passed over.
  func nearMisses(_ names: [DatasetRole: String], _ settings: LayerSettings) -> NearMisses {
    NearMisses(
      attributes: attributes, activations: (try? dataset(.activations))?.0, path: name, links: links,
      configuration: configuration, names: names, settings: settings, settingsOfRoot: settingsOfRoot)
  }

  /// What the layer's group holds; nothing where it has none.
  private var links: [Link] { if case .group(_, let links) = place { links } else { [] } }

  /// With running statistics, none is taken for granted: who wants mean 0 and variance 1 says so.
  private func checkRunningStatistics(_ names: [DatasetRole: String]) throws {
    let missing = [DatasetRole.runningMean, .runningVariance].filter {
      names[$0] == nil && configuration.datasets.configured[$0] != DatasetNames.nothing
    }
    guard let first = missing.first else { return }
    let similar = links.first {
      $0.kind == .dataset && NearName(ofDataset: $0.name) == .role(first)
    }?.name
    throw StreamError.noRunningStatistics(file: file, layer: name, missing: missing, similar: similar)
  }

  // MARK: - Datasets

  /// The dataset in a role, under whichever of its names it has; nil if there is none. It stays open for the layer's turn.
  func dataset(_ role: DatasetRole) throws -> (Dataset, DatasetPlace)? { try datasets.dataset(role) }

  /// The names of the datasets that serve roles, as the configuration would say them; the path of one outside of the layer's group.
  func datasetNames(
    of roles: [DatasetRole] = DatasetRole.ofResults
  ) throws(HDF5Error) -> [DatasetRole: String] {
    try datasets.names(of: roles)
  }

  /// The name in the layer's group of a dataset that serves a role, or its path where the layer has none; nil if there is none.
  func shownName(of role: DatasetRole) throws(HDF5Error) -> String? { try datasets.shownName(of: role) }

  private func largeDataset(_ role: DatasetRole) throws -> InputDataset? {
    guard let (dataset, place) = try dataset(role) else { return nil }
    let format = try numberFormat(dataset)
    try checkStorage(dataset)
    return try InputDataset(dataset, at: place, format)
  }

  /// - Throws: `StreamError` if the dataset cannot be read safely.
  func checkStorage(_ dataset: Dataset) throws {
    try storage.check(dataset)
  }

  private func numberFormat(_ dataset: Dataset) throws(StreamError) -> NumberFormat {
    guard
      let format = NumberFormat(
        dataset.type, readsUInt16AsBFloat16: configuration.readsUInt16AsBFloat16)
    else {
      throw .notNumeric(file: file, dataset: dataset.path, type: dataset.type.description)
    }
    return format
  }

  private func mask(of tensor: [Int], featureAxis: Int) throws -> MaskDataset? {
    guard let (dataset, place) = try dataset(.mask) else { return nil }
    let type: NumericType
    switch dataset.type {
    case .boolean: type = .native(.int8)
    case .numeric(let stored): type = stored
    case .converted(let conversion): type = conversion.type
    // As integers in which every bit has its place.
    case .bitField(1): type = .native(.uint8)
    case .bitField(2): type = .native(.uint16)
    case .bitField(3...4): type = .native(.uint32)
    case .bitField: type = .native(.uint64)
    case .opaque, .other:
      throw StreamError.notNumeric(file: file, dataset: dataset.path, type: dataset.type.description)
    }
    try checkStorage(dataset)
    guard let spread = MaskSpread(shape: dataset.shape, tensor: tensor, featureAxis: featureAxis) else {
      throw StreamError.wrongMaskShape(
        file: file, dataset: dataset.path, shape: dataset.shape,
        allowed: MaskSpread.shapes(tensor: tensor, featureAxis: featureAxis))
    }
    return MaskDataset(
      place: place, type: type, shape: dataset.shape, spread: spread, sampleCount: tensor[0])
  }

  // MARK: - Values per feature

  func givenVectors(_ featureCount: Int, like activations: InputDataset) throws -> GivenVectors {
    let hasParameters = configuration.parameters == .file
    return GivenVectors(
      hasParameters: hasParameters,
      gamma: hasParameters ? try featureVector(.gamma, featureCount, like: activations) : nil,
      beta: hasParameters ? try featureVector(.beta, featureCount, like: activations) : nil,
      runningMean: try featureVector(.runningMean, featureCount, like: activations),
      runningVariance: try featureVector(.runningVariance, featureCount, like: activations))
  }

  /// One number per feature; nil if the dataset is missing.
  private func featureVector(
    _ role: DatasetRole, _ featureCount: Int, like activations: InputDataset
  ) throws -> FeatureVector? {
    guard let (dataset, place) = try dataset(role) else { return nil }
    let format = try numberFormat(dataset)
    guard dataset.vectorLength == featureCount else {
      throw StreamError.wrongShape(
        file: file, dataset: dataset.path, shape: dataset.shape, expected: [featureCount],
        like: "\(activations.path) of shape \(activations.shape)")
    }
    try checkStorage(dataset)
    return try FeatureVector(dataset, at: place, format)
  }

  // MARK: - Batches

  /// Where batches begin in this file, and the end; nil if it does not say.
  private func batchOffsets(sampleCount: Int) throws -> [Int]? {
    guard let (dataset, _) = try dataset(.batchOffsets) else { return nil }
    return try dataset.readBatchOffsets(sampleCount: sampleCount, file: file, storage: storage)
  }

  private func batches(of part: LayerPart) throws -> (Batches, Setting<BatchDivision>) {
    if let offsets = part.batchOffsets { return (Batches(offsets: offsets), Setting(.offsets, .dataset)) }
    let sampleCount = part.sampleCount
    let size = try setting(.batchSize)
    let samples = if case .samples(let samples) = size.value { samples } else { max(1, sampleCount) }
    guard
      let batches = Batches(samples: sampleCount, size: samples, partialBatch: configuration.partialBatch)
    else {
      throw StreamError.partialBatch(
        file: allFiles, layer: name, samples: sampleCount % samples, batchSize: samples)
    }
    return (batches, Setting(BatchDivision(size.value), size.origin))
  }

  /// A batch with a single value per feature is known before anything is computed, unless a mask decides.
  private func checkSingleValues(_ layer: Layer) throws {
    guard configuration.singleValueBatch == .error, layer.normalization != .running,
      layer.layout.valuesPerFeatureAndSample == 1, let batch = layer.batches.first(ofSize: 1)
    else { return }
    throw StreamError.singleValueBatch(
      file: allFiles, layer: layer.path, batch: batch, features: layer.featureCount)
  }

  // MARK: - Configuration, else the layer's attribute, else the default

  /// A setting as it is used, and who said so.
  func setting<Value>(_ setting: LayerSetting<Value>) throws -> Setting<Value> {
    if let value = setting.given(configuration) {
      return Setting(value, configuration.origins[setting.key] ?? .configuration)
    }
    let name = setting.key.rawValue
    guard try attributes.attributeExists(name) else { return Setting(setting.byDefault, .byDefault) }
    let stored = try attributes.storedValue(attribute: name)
    guard let stored, let value = Value(stored: stored) else {
      throw StreamError.attributeOutOfRange(
        file: file, layer: self.name, attribute: name, value: stored.map { "\($0)" }, allowed: Value.allowed)
    }
    return Setting(value, .attribute)
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

extension AttributeHolder {
  /// What an attribute holds; nil if it is missing, or neither one number nor one string.
  fileprivate func storedValue(attribute name: String) throws(HDF5Error) -> StoredValue? {
    if let value = try readInteger(attribute: name) { return .integer(value) }
    if let value = try readDouble(attribute: name) { return .number(value) }
    return try readString(attribute: name).map { .text($0) }
  }
}

extension LayerPlace {
  /// The same without what a group holds, which takes memory for thousands of layers.
  fileprivate var withoutLinks: LayerPlace {
    if case .group(let path, _) = self { .group(path: path, links: []) } else { self }
  }
}
