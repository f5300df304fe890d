import BatchNorm
import BatchNormReference

/// The architecture of a small classifier: dense layers, each followed by batch normalization or not, and by an activation; then a
/// dense layer to the classes, and the softmax.
///
/// Its parameters are one vector, layer by layer: weights [in, out]; then γ and β, [out] each, or without batch normalization
/// the bias, [out], which batch normalization would take out again (Ioffe & Szegedy 2015, §3.2); last the weights and the bias of
/// the classes.
struct Network: Sendable {
  /// What follows each hidden layer.
  enum Activation: Sendable { case relu, sigmoid }

  let inputs: Int
  let hidden: [Int]
  let classes: Int
  let activation: Activation
  let hasBatchNorm: Bool
  let epsilon = 1e-5

  /// Where a layer's parameters lie in the vector of all.
  struct Place: Sendable {
    let inputs: Int
    let outputs: Int
    let weights: Range<Int>
    /// γ of a hidden layer with batch normalization, else empty.
    let gamma: Range<Int>
    /// β, or the bias.
    let beta: Range<Int>
    var all: Range<Int> { weights.lowerBound..<beta.upperBound }
  }

  /// Of the hidden layers, then of the classes.
  var places: [Place] {
    var start = 0
    return zip([inputs] + hidden, hidden + [classes]).enumerated().map { layer, sizes in
      let weights = start..<start + sizes.0 * sizes.1
      let gammas = hasBatchNorm && layer < hidden.count ? sizes.1 : 0
      let gamma = weights.upperBound..<weights.upperBound + gammas
      let beta = gamma.upperBound..<gamma.upperBound + sizes.1
      start = beta.upperBound
      return Place(inputs: sizes.0, outputs: sizes.1, weights: weights, gamma: gamma, beta: beta)
    }
  }

  /// Weights uniform in ±√(6/in), of variance 2/in (He et al. 2015, arXiv:1502.01852); γ = 1; β and biases 0.
  func initialParameters(seed: UInt64) -> [Double] {
    var random = SplitMix64(seed: seed)
    return places.flatMap { place -> [Double] in
      let bound = (6 / Double(place.inputs)).squareRoot()
      return place.weights.map { _ in bound * (2 * random.nextUnit() - 1) } + place.gamma.map { _ in 1 }
        + place.beta.map { _ in 0 }
    }
  }

  /// What is put after the normalization of each hidden layer to move its distribution: y ↦ scale·y + shift, per unit.
  struct Noise: Sendable {
    /// [layers][units]
    let scale: [[Double]]
    let shift: [[Double]]
  }

  /// What a pass over a batch gives.
  struct Pass {
    /// The mean cross entropy.
    let loss: Double
    /// By all parameters, in their order; empty if it was not asked for.
    let gradient: [Double]
    /// What enters the activation of each hidden layer, [m, out].
    let preactivations: [DenseMatrix]
  }

  /// What the way back needs of a hidden layer.
  private struct Memory {
    /// [m, in]
    let input: DenseMatrix
    /// [m, out], before batch normalization; nil without it.
    let normalized: DenseMatrix?
    /// [m, out], after the activation.
    let output: DenseMatrix
  }

  /// The loss of a batch, and its gradient.
  /// - Parameters:
  ///   - x: [m, inputs].
  ///   - labels: [m], from 0.
  func pass(
    _ parameters: [Double], _ x: DenseMatrix, _ labels: [Int], noise: Noise? = nil, wantsGradient: Bool = true
  ) throws(BatchNormLayerError) -> Pass {
    let places = places
    var input = x
    var memories: [Memory] = []
    var preactivations: [DenseMatrix] = []
    for (layer, place) in places.dropLast().enumerated() {
      let weights = matrix(parameters, place)
      var z = input * weights
      var normalized: DenseMatrix?
      if hasBatchNorm {
        normalized = z
        z.values = try BatchNormLayer(shape: [x.rows, place.outputs], epsilon: epsilon)
          .forward(z.values, gamma: Array(parameters[place.gamma]), beta: Array(parameters[place.beta])).y
      } else {
        z = z.addingToRows(Array(parameters[place.beta]))
      }
      if let noise {
        for index in z.values.indices {
          let unit = index % place.outputs
          z.values[index] = noise.shift[layer][unit].addingProduct(noise.scale[layer][unit], z.values[index])
        }
      }
      preactivations.append(z)
      z.values = z.values.map { activation == .relu ? max(0, $0) : Elementary.sigmoid($0) }
      memories.append(Memory(input: input, normalized: normalized, output: z))
      input = z
    }
    let last = places[places.count - 1]
    let logits = (input * matrix(parameters, last)).addingToRows(Array(parameters[last.beta]))
    let (loss, dlogits) = softmaxCrossEntropy(logits, labels)
    guard wantsGradient else { return Pass(loss: loss, gradient: [], preactivations: preactivations) }
    let gradient = try gradient(parameters, memories, input, dlogits, noise)
    return Pass(loss: loss, gradient: gradient, preactivations: preactivations)
  }

  /// The way back.
  /// - Parameter dlogits: [m, classes].
  private func gradient(
    _ parameters: [Double], _ memories: [Memory], _ lastInput: DenseMatrix, _ dlogits: DenseMatrix,
    _ noise: Noise?
  ) throws(BatchNormLayerError) -> [Double] {
    let places = places
    let last = places[places.count - 1]
    var parts = [(lastInput.transposed * dlogits).values + dlogits.columnSums]
    var upstream = dlogits * matrix(parameters, last).transposed
    for (layer, place) in places.dropLast().enumerated().reversed() {
      let memory = memories[layer]
      for index in upstream.values.indices {
        let output = memory.output.values[index]
        upstream.values[index] *= activation == .relu ? (output > 0 ? 1 : 0) : output * (1 - output)
        if let noise { upstream.values[index] *= noise.scale[layer][index % place.outputs] }
      }
      var ofVectors = upstream.columnSums
      if let normalized = memory.normalized {
        let gradients = try BatchNormLayer(shape: [upstream.rows, place.outputs], epsilon: epsilon)
          .backward(normalized.values, upstream.values, gamma: Array(parameters[place.gamma]))
        upstream.values = gradients.dx
        ofVectors = gradients.dgamma + gradients.dbeta
      }
      parts.append((memory.input.transposed * upstream).values + ofVectors)
      if layer > 0 { upstream = upstream * matrix(parameters, place).transposed }
    }
    return parts.reversed().flatMap { $0 }
  }

  private func matrix(_ parameters: [Double], _ place: Place) -> DenseMatrix {
    DenseMatrix(rows: place.inputs, columns: place.outputs, values: Array(parameters[place.weights]))
  }

  /// L = -(1/m)·Σ log softmax(logits)[label], and ∂L/∂logits = (softmax - one-hot)/m.
  private func softmaxCrossEntropy(_ logits: DenseMatrix, _ labels: [Int]) -> (Double, DenseMatrix) {
    var gradient = logits
    var loss = 0.0
    for row in 0..<logits.rows {
      let range = row * logits.columns..<(row + 1) * logits.columns
      let largest = logits.values[range].max() ?? 0
      let powers = logits.values[range].map { Elementary.exp($0 - largest) }
      let sum = powers.reduce(0, +)
      loss += Elementary.log(sum) - (logits[row, labels[row]] - largest)
      for (column, power) in powers.enumerated() {
        gradient[row, column] =
          (power / sum - (column == labels[row] ? 1 : 0)) / Double(logits.rows)
      }
    }
    return (loss / Double(logits.rows), gradient)
  }
}

extension SplitMix64 {
  /// A number from 0 to below 1, a multiple of 2⁻⁵³.
  mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
