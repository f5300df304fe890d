import Foundation
import HDF5

/// What a run is asked to compute, as the configuration file and the oracle need it.
struct Settings: Sendable {
  /// Samples in a batch; nil for all of them.
  var batchSize: Int?
  /// Whether the configuration says so; not where layers have `batch_offsets` or an attribute.
  var hasBatchSize = true
  /// Whether an incomplete last batch is left out.
  var dropsIncomplete = false
  var usesRunningStatistics = false
  /// Whether the gradient takes mean and variance for constants.
  var isDetached = false
  /// Whether γ and β are those that make y = x.
  var isIdentity = false
  var epsilon = 1e-3
  /// nil for the average over all batches.
  var momentum: Double? = 0.1
  /// nil for that of the activations, or float32 where those are integers.
  var outputType: NumericType.Kind?
  /// The object `output_storage`, as JSON.
  var outputStorage = #"{"layout": "contiguous"}"#
  /// Keys that the oracle need not know, as JSON.
  var otherKeys: [String: String] = [:]

  /// All that can be written, as JSON.
  static let everyOutput =
    #"["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "population", "batches"]"#

  /// The configuration file.
  var json: String {
    var keys = [
      "batch_size": batchSize.map { "\($0)" } ?? #""all""#,
      "partial_batch": dropsIncomplete ? #""drop""# : #""keep""#,
      "statistics": usesRunningStatistics ? #""running""# : #""batch""#,
      "gradient": isDetached ? #""detached""# : #""full""#,
      "parameters": isIdentity ? #""identity""# : #""file""#,
      "epsilon": "\(epsilon)", "momentum": momentum.map { "\($0)" } ?? "null",
      "outputs": Self.everyOutput,
      "output_storage": outputStorage, "sync": "false",
    ]
    // Offsets come first, and a batch size beside them is worth a warning.
    if !hasBatchSize { keys["batch_size"] = nil }
    if let outputType { keys["output_type"] = #""\#(outputType.rawValue)""# }
    keys.merge(otherKeys) { $1 }
    return "{" + keys.sorted { $0.key < $1.key }.map { #""\#($0)": \#($1)"# }.joined(separator: ", ") + "}"
  }

  /// The type of the large results of a layer.
  func outputType(of layer: InputLayer) -> NumericType {
    if let outputType { return .native(outputType) }
    return layer.type.kind.isFloat ? layer.type : .float32
  }

  /// The samples of each batch, as docs/formats.md divides them.
  func batches(of layer: InputLayer) -> [Range<Int>] {
    if let offsets = layer.batchOffsets { return zip(offsets, offsets.dropFirst()).map { $0..<$1 } }
    let size =
      hasBatchSize
      ? batchSize ?? max(1, layer.sampleCount) : layer.attributes["batch_size"].map { Int($0) } ?? 256
    let batches = stride(from: 0, to: layer.sampleCount, by: size).map {
      $0..<min($0 + size, layer.sampleCount)
    }
    return dropsIncomplete ? batches.filter { $0.count == size } : batches
  }
}
