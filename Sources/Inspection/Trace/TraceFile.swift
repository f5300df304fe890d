import BatchNormReference
import Configuration
import HDF5
import Jobs
import LayerFiles
import Parallel

/// Writes traces to an HDF5 file: for each layer the groups `inputs`, `forward` and `backward` with a float64 dataset for each
/// node, as `forward/1_mu` or `backward/0_dx`.
///
/// Matrices [m, C] have the shape of the batch's activations, so that they compare with what the file has element by element.
public struct TraceFile {
  private let plan: JobPlan
  private let cancellation: Cancellation

  /// Traces the plan's layers; stops when `cancellation` asks for it.
  public init(_ plan: JobPlan, cancellation: Cancellation = Cancellation()) {
    self.plan = plan
    self.cancellation = cancellation
  }

  /// Evaluates and writes one layer after the other; the file appears under its name when it is complete.
  /// - Parameters:
  ///   - path: of the file.
  ///   - batch: the number of the batch in each layer.
  ///   - show: is handed each layer's trace.
  /// - Throws: `InspectionError`, `StreamError`.
  public func write(to path: String, batch: Int, show: (LayerTrace) -> Void) throws {
    let bytes = plan.layers.reduce(0) { total, layer in
      guard batch < layer.batches.count else { return total }
      return total + layer.batches[batch].count * layer.layout.valuesPerSample * 16 * 8
    }
    let output = try OutputFile(
      path: path, inputs: plan.job.inputs, replaces: plan.job.replacesOutput, byteCount: bytes)
    do {
      try Provenance(plan.input, plan.job.configuration).write(to: output.created.root)
      for layer in plan.layers {
        let trace = try plan.trace(layer, batch: batch, cancellation: cancellation)
        try write(trace, to: output.created.root)
        show(trace)
      }
    } catch let error as HDF5Error {
      throw StreamError.libraryWriteFailed(path: path, error)
    }
    try plan.input.checkIsUnchanged()
    try output.complete()
  }

  private func write(_ trace: LayerTrace, to root: Group) throws(HDF5Error) {
    var group = root
    for name in trace.path.pathComponents {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    try group.writeAttribute("batch", trace.batch)
    try group.writeAttribute("first_sample", trace.samples.lowerBound)
    try group.writeAttribute("samples", trace.samples.count)
    try group.writeAttribute("feature_axis", trace.featureAxis)
    try group.writeAttribute("mode", trace.mode)
    for phase in [NodeDefinition.Phase.input, .forward, .backward] {
      let nodes = trace.nodes.filter { $0.definition.phase == phase }
      guard !nodes.isEmpty else { continue }
      let folder = try group.createGroup(phase.folder)
      for node in nodes { try write(node, of: trace, to: folder) }
    }
  }

  private func write(_ node: NodeName, of trace: LayerTrace, to group: Group) throws(HDF5Error) {
    let dataset = try group.createDataset(
      node.datasetName, type: .float64, shape: trace.shape(of: node), storage: .contiguous)
    try dataset.writeDoubles(trace.values(of: node))
    try dataset.writeAttribute("step", node.step)
    try dataset.writeAttribute("formula", node.formula)
    try dataset.writeAttribute("latex", node.latex)
    try dataset.writeAttribute("inputs", node.inputs.map(\.rawValue))
  }
}

extension NodeDefinition.Phase {
  /// The group with the nodes of this phase.
  var folder: String {
    switch self {
    case .input: "inputs"
    case .forward: "forward"
    case .backward: "backward"
    }
  }
}

extension NodeName {
  /// The name of the node's dataset: `1_mu`, and plain `x` for what is given.
  public var datasetName: String {
    definition.phase == .input ? rawValue : "\(step)_\(rawValue)"
  }
}
