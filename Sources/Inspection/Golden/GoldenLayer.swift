import BatchNorm
import BatchNormReference
import Configuration
import HDF5
import Jobs
import LayerFiles

/// A small layer with everything that decides its results: what vectors for kernels and hardware are made of.
struct GoldenLayer: Sendable {
  /// Its path in the file.
  let path: String
  /// Why it is there; nil for a part of a user's own data.
  var hardCase: HardCase?
  /// [N, …], and the features' axis in it, from 1.
  let shape: [Int]
  let featureAxis: Int
  /// [N, …]; numbers that `type` holds.
  let x: [Double]
  /// As x; nil where there is none.
  let dy: [Double]?
  /// float32, or float64 where an input has numbers that float32 does not hold.
  let type: NumericType
  /// [C] each; nil where the input has none, so that 1, 0, 0 and 1 hold.
  var gamma: [Double]?
  var beta: [Double]?
  var runningMean: [Double]?
  var runningVariance: [Double]?
  /// False for γ and β that make y = x.
  let hasParameters: Bool
  /// [batches + 1], from 0; no batch is empty.
  let offsets: [Int]
  let epsilon: Double
  let momentum: Momentum
  let runningVarianceEstimate: RunningVarianceEstimate
  let normalization: Normalization

  var featureCount: Int { shape[featureAxis] }
  var sampleCount: Int { shape[0] }
  /// P·S·C.
  var valuesPerSample: Int { shape.dropFirst().reduce(1, *) }
  /// The ranges of samples that are normalized together.
  var batches: [Range<Int>] { zip(offsets, offsets.dropFirst()).map { $0..<$1 } }

  /// What a kernel is given, but for the batches.
  var inputs: [(name: String, shape: [Int], values: [Double], type: NumericType)] {
    // What is made for this is made of numbers that float32 holds; a user's own may be any.
    let rowType = hardCase == nil ? NumericType.float64 : type
    let row = [featureCount]
    let all: [(String, [Int], [Double]?, NumericType)] = [
      ("activations", shape, x, type), ("grad_output", shape, dy, type), ("gamma", row, gamma, rowType),
      ("beta", row, beta, rowType), ("running_mean", row, runningMean, rowType),
      ("running_var", row, runningVariance, rowType),
    ]
    return all.compactMap { name, shape, values, type in values.map { (name, shape, $0, type) } }
  }

  /// A layer has at most this many numbers: the graph holds some twenty times as many.
  static let mostNumbers = 1 << 20
}

/// How large layers of vectors are.
public struct GoldenSize: Sendable, Equatable {
  /// Samples and features of a layer; of a user's own data at most as many as there are.
  public var samples: Int
  public var features: Int

  public init(samples: Int = 64, features: Int = 8) {
    self.samples = samples
    self.features = features
  }

  /// With fewer samples there are no batches of several sizes.
  public static let allowedSamples = 4...65_536
  public static let allowedFeatures = 1...65_536
}

extension JobPlan {
  /// The first samples and features of a layer, in its batches.
  /// - Throws: `InspectionError` if it has a mask, is empty, or is too large all the same; `StreamError`.
  func goldenLayer(of layer: Layer, _ size: GoldenSize) throws -> GoldenLayer {
    guard layer.mask == nil else {
      throw InspectionError.goldenWithMask(file: job.input, layer: layer.path)
    }
    let features = min(size.features, layer.featureCount)
    let valuesPerFeature = layer.layout.valuesPerFeatureAndSample
    var samples = min(size.samples, layer.batches.sampleCount)
    var offsets = Self.offsets(layer.batches, samples: samples)
    // Where it is cut, a batch may be left with one value, which has no variance.
    if offsets.count > 2, offsets[offsets.count - 1] - offsets[offsets.count - 2] == 1, valuesPerFeature == 1,
      samples < layer.batches.sampleCount
    {
      offsets.removeLast()
      samples = offsets[offsets.count - 1]
    }
    var shape = layer.activations.shape
    (shape[0], shape[layer.featureAxis]) = (samples, features)
    guard samples > 0 else { throw InspectionError.nothingForGolden(file: job.input, layer: layer.path) }
    guard samples * features * valuesPerFeature <= GoldenLayer.mostNumbers else {
      throw InspectionError.goldenTooLarge(
        file: job.input, layer: layer.path, shape: shape, most: GoldenLayer.mostNumbers)
    }
    let layout = layer.layout
    var x: [Double] = []
    var dy: [Double] = []
    // One sample after the other: a sample has more features than are kept.
    for sample in 0..<samples {
      let values = try self.values(of: layer, samples: sample..<sample + 1)
      for row in 0..<layout.positionRows {
        let start = row * layout.featureCount * layout.planeLength
        let kept = start..<start + features * layout.planeLength
        x += values.x[kept]
        if let some = values.dy { dy += some[kept] }
      }
    }
    let range = 0..<features
    let parameters = try layer.given.parameters(range)
    let hasStatistics = layer.hasGivenStatistics
    let statistics = try layer.given.statistics(range)
    let tensors = [layer.activations.type, layer.gradOutput?.type ?? layer.activations.type]
    return GoldenLayer(
      path: layer.path, shape: shape, featureAxis: layer.featureAxis, x: x,
      dy: layer.gradOutput == nil ? nil : dy,
      type: tensors.contains { $0.kernelType == .double } ? .float64 : .float32,
      gamma: parameters?.map(\.gamma), beta: parameters?.map(\.beta),
      runningMean: hasStatistics ? statistics.map(\.mean) : nil,
      runningVariance: hasStatistics ? statistics.map(\.variance) : nil,
      hasParameters: parameters != nil, offsets: offsets, epsilon: layer.epsilon, momentum: layer.momentum,
      runningVarianceEstimate: layer.runningVariance, normalization: layer.normalization)
  }

  /// Where batches begin and end among the first samples, without empty ones.
  private static func offsets(_ batches: Batches, samples: Int) -> [Int] {
    var offsets = [0]
    for number in 0..<batches.count {
      let end = min(batches[number].upperBound, samples)
      if end > offsets[offsets.count - 1] { offsets.append(end) }
      if end == samples { break }
    }
    return offsets
  }
}
