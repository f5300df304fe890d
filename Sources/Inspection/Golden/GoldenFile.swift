import BatchNorm
import Configuration
import FileNames
import HDF5
import Jobs
import LayerFiles
import Parallel
import StrictJSON

/// Vectors for authors of kernels and hardware: small layers in the layout of inputs, with exact results under `/expected`.
///
/// Everything that decides the results stands with the layer, so that `verify` of the file against itself agrees, and so does
/// every right kernel's file.
public struct GoldenFile: Sendable {
  let layers: [GoldenLayer]
  private let input: String?
  /// The paths of its files.
  private let inputs: [String]

  /// All layers together have at most this many numbers: they are in memory at the same time.
  private static let mostNumbers = 1 << 23

  /// Vectors of the first samples and features of a user's own layers.
  /// - Throws: `InspectionError`, `StreamError`.
  public init(_ plan: JobPlan, size: GoldenSize, cancellation: Cancellation) throws {
    (input, inputs) = (plan.job.input, plan.job.inputs)
    var layers: [GoldenLayer] = []
    var numbers = 0
    for layer in plan.layers {
      try cancellation.check()
      layers.append(try plan.goldenLayer(of: layer, size))
      numbers += layers[layers.count - 1].x.count
      guard numbers <= Self.mostNumbers else {
        throw InspectionError.goldenTooMany(
          file: plan.job.input, layers: plan.layers.count, most: Self.mostNumbers)
      }
    }
    self.layers = layers
    try plan.input.checkIsUnchanged()
  }

  /// Vectors of data that kernels are known to compute wrongly.
  /// - Parameters:
  ///   - configuration: which cases, ε and so on; nothing that divides samples.
  ///   - size: of each case's layer.
  ///   - hasNonfinite: true for a layer with NaN and infinities, too.
  /// - Throws: `InspectionError` if no case is wanted, or the size is too large.
  public init(_ configuration: JobConfiguration, size: GoldenSize, hasNonfinite: Bool) throws {
    (input, inputs) = (nil, [])
    let all = HardCase.all(configuration, hasNonfinite: hasNonfinite)
    let wanted = all.filter { configuration.selectsLayer(atPath: $0.path) }
    guard !wanted.isEmpty else {
      throw InspectionError.noSuchCase(
        patterns: configuration.layers.map(\.text), cases: all.map(\.path))
    }
    for hardCase in wanted {
      let shape = GoldenLayer.shape(hardCase, size)
      guard shape.reduce(1, *) <= GoldenLayer.mostNumbers else {
        throw InspectionError.goldenTooLarge(
          file: nil, layer: hardCase.path, shape: shape, most: GoldenLayer.mostNumbers)
      }
    }
    layers = wanted.map { GoldenLayer($0, size, configuration) }
  }

  /// Writes the file, which appears under its name when it is complete.
  /// - Parameters:
  ///   - path: of the file.
  ///   - archive: where to write the same as arrays of NumPy, too; nil for nowhere.
  ///   - replaces: true if files that exist may be replaced.
  ///   - cancellation: stops it when asked.
  /// - Throws: `StreamError`.
  public func write(
    to path: String, arrays archive: String? = nil, replaces: Bool, cancellation: Cancellation
  ) throws -> GoldenReport {
    if let archive { try OutputFile.check(path: archive, inputs: inputs, replaces: replaces) }
    var arrays = archive.map { _ in GoldenArrays() }
    let bytes = layers.reduce(0) { $0 + $1.shape.reduce(1, *) * 8 * 5 }
    let output = try OutputFile(path: path, inputs: inputs, replaces: replaces, byteCount: bytes)
    var written: [GoldenReport.Layer] = []
    do {
      let root = output.created.root
      try root.writeAttribute("program", "bn-stream")
      try root.writeAttribute("version", programVersion)
      let expected = try root.createGroup("expected")
      for layer in layers {
        try cancellation.check()
        let results = GoldenResults(of: layer)
        try write(layer, to: root.made(layer.path))
        let group = try expected.made(layer.path)
        for tensor in results.tensors {
          let dataset = try group.made(of: tensor.name).createDataset(
            tensor.name.pathComponents.last ?? tensor.name,
            type: tensor.isInteger ? .native(.int64) : .float64, shape: tensor.shape, storage: .contiguous)
          try dataset.writeDoubles(tensor.values)
        }
        arrays?.add(layer, results)
        written.append(GoldenReport.Layer(layer, results))
      }
    } catch let error as HDF5Error {
      throw StreamError.libraryWriteFailed(path: path, error)
    }
    try output.complete()
    if let archive, let arrays {
      try OutputFile.write(arrays.bytes, to: archive, inputs: inputs, replaces: replaces)
    }
    return GoldenReport(
      version: programVersion, input: input, output: path, arrays: archive, layers: written)
  }

  private func write(_ layer: GoldenLayer, to group: Group) throws(HDF5Error) {
    for input in layer.inputs {
      try group.createDataset(input.name, type: input.type, shape: input.shape, storage: .contiguous)
        .writeDoubles(input.values)
    }
    try group.createDataset(
      "batch_offsets", type: .native(.int64), shape: [layer.offsets.count], storage: .contiguous
    ).writeIntegers(layer.offsets)
    try group.writeAttribute("feature_axis", layer.featureAxis)
    try group.writeAttribute("epsilon", layer.epsilon)
    switch layer.momentum {
    case .exponential(let factor): try group.writeAttribute("momentum", factor)
    case .cumulative: try group.writeAttribute("momentum", "none")
    }
    try group.writeAttribute("running_variance", layer.runningVarianceEstimate.rawValue)
    let source: StatisticsSource = layer.normalization == .running ? .running : .batch
    try group.writeAttribute("statistics", source.rawValue)
  }
}

extension Group {
  /// The group at a path below, and all between, made where they are missing.
  fileprivate func made(_ path: String) throws(HDF5Error) -> Group {
    var group = self
    for name in path.pathComponents {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    return group
  }

  /// The group that a dataset of a name lies in, as `batches` of `batches/mean`.
  fileprivate func made(of name: String) throws(HDF5Error) -> Group {
    var group = self
    for name in name.pathComponents.dropLast() { group = try group.made(name) }
    return group
  }
}

/// Which vectors were written.
public struct GoldenReport: Encodable, Sendable, Equatable {
  /// A layer of the file.
  public struct Layer: Encodable, Sendable, Equatable {
    public let path: String
    /// Which data it is made of; nil for a user's own.
    public let hardCase: HardCase?
    public let shape: [Int]
    public let featureAxis: Int
    /// Of the activations.
    public let elementType: String
    public let batchOffsets: [Int]
    public let epsilon: Double
    /// The results under `/expected`.
    public let results: [String]

    init(_ layer: GoldenLayer, _ results: GoldenResults) {
      path = layer.path
      hardCase = layer.hardCase
      shape = layer.shape
      featureAxis = layer.featureAxis
      elementType = layer.type.kind.rawValue
      batchOffsets = layer.offsets
      epsilon = layer.epsilon
      self.results = results.tensors.map(\.name)
    }

    private enum CodingKeys: String, CodingKey {
      case path, shape, epsilon, results
      case hardCase = "case"
      case featureAxis = "feature_axis"
      case elementType = "type"
      case batchOffsets = "batch_offsets"
    }
  }

  /// The program's version.
  public let version: String
  /// The input file's path as given; nil without one.
  public let input: String?
  /// The path of the file as given.
  public let output: String
  /// The path of the archive of arrays as given; nil without one.
  public let arrays: String?
  public let layers: [Layer]

  /// The report as a JSON object in readable lines.
  public var json: String { canonicalJSON(self, isPretty: true) }
}
