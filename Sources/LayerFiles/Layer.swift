import BatchNorm
import Configuration
import HDF5

/// One layer of the input, checked and ready to be computed: where its data is and what is to be done with it.
public struct Layer: Sendable {
  /// The group's path in the input, "/" for the root.
  public let path: String
  /// Where its datasets are; of a group's links nothing is kept.
  package let place: LayerPlace
  /// x, [N, …].
  public let activations: InputDataset
  /// dL/dy; nil if only the forward pass is computed.
  public let gradOutput: InputDataset?
  /// Which values count in the statistics; nil if all do.
  public internal(set) var mask: MaskDataset?

  /// Number of samples, N, of which `batches` may leave some out.
  public let sampleCount: Int
  /// The features' axis, from 1.
  public let featureAxis: Int
  /// The view of each sample as [P, C, S].
  public let layout: FeatureLayout
  /// The ranges of samples that are normalized together.
  public internal(set) var batches: Batches
  /// What divides the samples, for people.
  public internal(set) var batchDivision: BatchDivision

  /// What is given for each feature.
  package internal(set) var given: GivenVectors
  /// Which statistics normalize, and whether the gradient flows through them.
  public internal(set) var normalization: Normalization
  /// ε, at least 0.
  public internal(set) var epsilon: Double
  /// How the formulas are changed, to compare with a program that does so; none for what is right.
  package internal(set) var mistakes: [FormulaMistake] = []
  /// How the running statistics follow the batches.
  public internal(set) var momentum: Momentum
  /// Which variance of a batch the running variance follows.
  public internal(set) var runningVariance: RunningVarianceEstimate
  /// Every setting as it is used, and who said so.
  public let settings: LayerSettings
  /// Its attribute `depth`: its place in the order in which layers run; nil if it has none.
  package let depth: Int?
  /// Which dataset of the group serves which role; roles that none serves are missing.
  public let datasetNames: [DatasetRole: String]
  /// What is to be computed and written.
  public internal(set) var outputs: Set<OutputTensor>
  /// The quantiles that are to be computed, in percent; empty for none.
  package let percents: [Double]
  /// The element type of the tensors as large as the activations.
  public internal(set) var outputType: NumericType

  /// What the user should know of the layer though nothing is wrong.
  public internal(set) var warnings: [StreamWarning]
  /// How many infinities and NaN each given vector holds, of those that the results need; none with 0.
  public internal(set) var nonfiniteGiven: [DatasetRole: Int] = [:]

  /// C.
  public var featureCount: Int { layout.featureCount }

  /// The numbers that kernels read.
  public var kernelType: KernelType {
    [activations.type, gradOutput?.type ?? activations.type].contains { $0.kernelType == .double }
      ? .double : .float
  }

  /// The numbers that kernels write, before they are encoded.
  package var computedType: NumericType { outputType.computedBy.numericType }

  /// False for a last batch that is smaller than the batch size.
  package func isWhole(batch: Int) -> Bool {
    if case .samples(let size) = batchDivision {
      batches[batch].count == min(size, batches.largest)
    } else {
      true
    }
  }

  /// The results as large as the activations that are written.
  package var largeResults: [LayerResult] { LayerResult.large.filter(writes) }

  /// True if running statistics are given, mean and variance.
  package var hasGivenStatistics: Bool { given.runningMean != nil && given.runningVariance != nil }

  /// True if dy is needed at all.
  package var readsGradient: Bool {
    gradOutput != nil && LayerResult.allCases.contains { $0.entry.needs.includesGradient && writes($0) }
  }

  /// Bytes that the large results take in the file.
  package var outputByteCount: Int {
    batches.sampleCount * layout.valuesPerSample * outputType.byteCount * largeResults.count
  }

  /// Bytes that all results take in the file.
  /// - Parameter compresses: true if nobody knows before what the large ones will take.
  package func leastFileByteCount(compresses: Bool) -> Int {
    let total = LayerResult.allCases.filter(writes).reduce(0.0) { total, result in
      if compresses && result.entry.shape == .samples { return total }
      return total + shape(of: result).reduce(Double(type(of: result).byteCount)) { $0 * Double($1) }
    }
    // Of what no disk holds, nobody needs to know how much it is.
    return Int(min(total, 0x1p62))
  }

  /// Bytes that a sample takes in the large inputs.
  package var inputBytesPerSample: Int {
    layout.valuesPerSample
      * (activations.type.byteCount + (readsGradient ? gradOutput?.type.byteCount ?? 0 : 0))
  }

  /// Bytes of the activations, read once.
  package var activationByteCount: Int {
    batches.sampleCount * layout.valuesPerSample * activations.type.byteCount
  }

  /// Bytes of the large inputs, read once.
  package var inputByteCount: Int { batches.sampleCount * inputBytesPerSample }

  /// How often the activations are read for quantiles.
  package var quantileReads: Int { percents.isEmpty ? 0 : RadixSelection.passes(kernelType) }

  /// How often the activations are read for histograms: once for themselves, and once more to compute the outputs again.
  package var histogramReads: Int { writes(.outputHistogram) ? 2 : 0 }

  /// The same layer with other outputs.
  package func with(outputs: Set<OutputTensor>, outputType: NumericType) -> Layer {
    var layer = self
    layer.outputs = outputs
    layer.outputType = outputType
    return layer
  }

  /// The same layer with some of its samples only, as one batch, and with other outputs.
  /// - Parameter samples: all in one batch of the layer, if its results are to be part of that batch's.
  package func part(samples: Range<Int>, outputs: Set<OutputTensor>, outputType: NumericType) -> Layer {
    var layer = with(outputs: outputs, outputType: outputType)
    layer.batches = Batches(offsets: [samples.lowerBound, samples.upperBound])
    layer.batchDivision = .offsets
    return layer
  }
}

/// What an input gives for each feature: parameters, and the running statistics before the first batch.
package struct GivenVectors: Sendable {
  /// False for γ and β that make y = x, which every batch has of its own.
  let hasParameters: Bool
  var gamma: FeatureVector?
  var beta: FeatureVector?
  let runningMean: FeatureVector?
  let runningVariance: FeatureVector?

  /// γ and β of some features, where they are missing 1 and 0; nil for those that make y = x.
  package func parameters(_ features: Range<Int>) throws -> [FeatureParameters]? {
    guard hasParameters else { return nil }
    let gamma = try gamma?.values(features)
    let beta = try beta?.values(features)
    return features.indices.map { index in
      let place = index - features.lowerBound
      return FeatureParameters(gamma: gamma?[place] ?? 1, beta: beta?[place] ?? 0)
    }
  }

  /// The running statistics of some features before the first batch, where they are missing 0 and 1.
  package func statistics(_ features: Range<Int>) throws -> [GivenStatistics] {
    let mean = try runningMean?.values(features)
    let variance = try runningVariance?.values(features)
    return features.indices.map { index in
      let place = index - features.lowerBound
      return GivenStatistics(mean: mean?[place] ?? 0, variance: variance?[place] ?? 1)
    }
  }
}

extension NumericType {
  /// What the kernels compute on when elements have this type: the smallest that holds every value, or Double.
  package var kernelType: KernelType {
    switch kind {
    case .float16, .bfloat16, .float32, .int8, .uint8, .int16, .uint16: .float
    case .float64, .int32, .uint32, .int64, .uint64: .double
    }
  }

  /// What kernels write for an output of this type.
  package var computedBy: KernelType { kind == .float64 ? .double : .float }
}

extension KernelType {
  /// How its numbers lie in memory.
  package var numericType: NumericType { self == .float ? .float32 : .float64 }
}
