import BatchNormReference
import Jobs
import LayerFiles
import Parallel

/// The graph of one batch of a layer, evaluated.
public struct LayerTrace: Sendable {
  /// The layer's path.
  public let path: String
  /// The number of the batch, and its samples.
  public let batch: Int
  public let samples: Range<Int>
  /// The shape of the batch's activations.
  public let shape: [Int]
  /// The axis of the features in `shape`.
  public let featureAxis: Int
  /// How mean and variance enter: `batch`, `detached` or `running`.
  public let mode: String
  /// All nodes, as matrices [m, C].
  public let trace: GraphTrace
  let columns: FeatureColumns

  /// Values that the mask leaves out of the statistics, for each feature.
  public var maskedValues: Int { columns.rowCount - trace.inputs.counted.count }

  /// The nodes that were computed, what is given included, in the order of computation.
  public var nodes: [NodeName] { NodeName.allCases.filter { trace[$0] != nil } }

  /// The shape of a node as it is written: matrices have that of the activations.
  public func shape(of node: NodeName) -> [Int] {
    switch node.definition.shape {
    case .matrix: shape
    case .row: [trace.inputs.gamma.featureCount]
    case .scalar: []
    }
  }

  /// The values of a node in the layout in which they are written.
  func values(of node: NodeName) -> [Double] {
    switch trace[node] {
    case .matrix(let matrix): columns.tensor(matrix)
    case let value?: value.values
    case nil: []
    }
  }
}

extension JobPlan {
  /// Evaluates the graph for a batch of a layer; stops between reading, evaluation and its end when `cancellation` asks
  /// for it.
  /// - Throws: `InspectionError`, `StreamError`.
  public func trace(_ layer: Layer, batch: Int, cancellation: Cancellation = Cancellation()) throws
    -> LayerTrace
  {
    func stopIfAsked() throws(StreamError) { if cancellation.isRequested { throw .interrupted } }
    try stopIfAsked()
    guard batch < layer.batches.count else {
      throw InspectionError.noSuchBatch(
        file: job.input, layer: layer.path, batch: batch, count: layer.batches.count)
    }
    let samples = layer.batches[batch]
    let need = samples.count * layer.layout.valuesPerSample * TraceMemory.bytesPerValue
    if need > job.memory {
      throw StreamError.needsMemory(
        file: job.input, layer: layer.path, need: need, limit: job.memory,
        what: .graph(batch: batch, samples: samples.count))
    }
    let values = try values(of: layer, samples: samples)
    try stopIfAsked()
    guard !samples.isEmpty, values.mask?.contains(true) != false else {
      throw InspectionError.nothingInBatch(file: job.input, layer: layer.path, batch: batch)
    }
    let features = Array(0..<layer.featureCount)
    let graph = try BatchGraph(values, of: layer, sampleCount: samples.count, features: features)
    let trace = GraphTrace(graph.inputs, dout: graph.dout)
    try stopIfAsked()
    return LayerTrace(
      path: layer.path, batch: batch, samples: samples,
      shape: [samples.count] + layer.activations.shape.dropFirst(), featureAxis: layer.featureAxis,
      mode: graph.inputs.mode.word, trace: trace,
      columns: FeatureColumns(layer.layout, sampleCount: samples.count, features: features))
  }
}

/// What a graph takes.
enum TraceMemory {
  /// Sixteen nodes are as large as the activations; as much again is in use while they are computed.
  static let bytesPerValue = 32 * 8
}

extension ReferenceMode {
  /// As in the configuration: `batch`, `detached` or `running`.
  var word: String {
    switch self {
    case .batch: "batch"
    case .detached: "detached"
    case .running: "running"
    }
  }
}
