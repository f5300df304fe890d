import BatchNorm
import BatchNormReference

/// Samples with a class each, to train small networks on.
package struct LabelledSamples: Sendable {
  package let data: ExplainedData
  /// [N, inputs], between -1 and 1.
  let x: DenseMatrix
  /// [N], from 0.
  let labels: [Int]
  let classes: Int

  /// - Parameter x: divided by its largest magnitude, as pictures are by 255.
  init(_ data: ExplainedData, x: DenseMatrix, labels: [Int]) {
    let largest = x.values.reduce(0) { max($0, abs($1)) }
    var x = x
    if largest > 0 { x.values = x.values.map { $0 / largest } }
    self.data = data
    self.x = x
    self.labels = labels
    classes = (labels.max() ?? 0) + 1
  }

  /// Some of the samples.
  struct Batch {
    /// Numbers of the samples.
    let rows: [Int]
    /// [m, inputs]
    let x: DenseMatrix
    /// [m]
    let labels: [Int]
  }

  /// The batches of a training, each made when its turn comes: samples in an order that follows from the seed, a new one each time that all had
  /// their turn.
  func batches(of size: Int, count: Int, seed: UInt64) -> Batches {
    Batches(samples: self, size: min(size, x.rows), rest: count, random: SplitMix64(seed: seed))
  }

  /// Batches that are made one by one: of a long training, all together would take more memory than there is.
  struct Batches: Sequence, IteratorProtocol {
    let samples: LabelledSamples
    let size: Int
    var rest: Int
    var random: SplitMix64
    var order: [Int] = []

    mutating func next() -> Batch? {
      guard rest > 0 else { return nil }
      rest -= 1
      if order.count < size { order = (0..<samples.x.rows).shuffled(using: &random) }
      let chosen = Array(order.prefix(size))
      order.removeFirst(size)
      return Batch(
        rows: chosen, x: samples.x.selecting(rows: chosen), labels: chosen.map { samples.labels[$0] })
    }
  }

  /// Some of the samples, always the same ones: what is seen of the distributions is seen on them.
  func probe(seed: UInt64) -> Batch {
    var batches = batches(of: 256, count: 1, seed: seed)
    return batches.next() ?? Batch(rows: [], x: x.selecting(rows: []), labels: [])
  }
}

/// A network in training by gradient descent: θ ← θ - η·∂L/∂θ.
struct Training {
  let network: Network
  let rate: Double
  var parameters: [Double]

  init(_ network: Network, rate: Double, seed: UInt64) {
    self.network = network
    self.rate = rate
    parameters = network.initialParameters(seed: seed)
  }

  /// θ + factor·direction
  func moved(by factor: Double, along direction: [Double]) -> [Double] {
    zip(parameters, direction).map { $0.addingProduct(factor, $1) }
  }
}

/// What a user may want otherwise in a training.
public struct TrainingSettings: Sendable {
  /// How many steps; nil for the topic's own number.
  public var steps: Int?
  /// η; nil for the topic's own.
  public var learningRate: Double?

  public init(steps: Int? = nil, learningRate: Double? = nil) {
    self.steps = steps
    self.learningRate = learningRate
  }
}

/// How a training ended: the mean of the last tenth of its losses, since that of one batch says little.
func meanOfLastTenth(_ loss: [Double]) -> Double {
  let last = loss.suffix(max(1, loss.count / 10))
  return last.reduce(0, +) / Double(last.count)
}

/// Told of each step of a training: counts it, and throws where the user has asked to stop.
public typealias StepHandler = @Sendable () throws -> Void
