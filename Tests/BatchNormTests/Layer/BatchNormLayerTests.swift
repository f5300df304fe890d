import BatchNorm
import BatchNormReference
import Testing

/// Arrays in, arrays out: against BatchNormReference, differences of the loss, and wrong shapes.
@Suite(.timeLimit(.minutes(30))) struct BatchNormLayerTests {
  static let shapes: [(shape: [Int], axis: Int)] = [
    ([1, 1], 1), ([700, 3], 1), ([40, 70], -1), ([6, 3, 5, 7], 1), ([6, 5, 7, 3], -1), ([3, 2, 4, 3, 5], 2),
    ([2, 3, 80, 90], 1), ([9, 4, 6], -2),
  ]

  /// Inputs of a layer and what the reference makes of them.
  private struct Case {
    let layer: BatchNormLayer
    let x, dy, gamma, beta: [Double]
    let reference: ReferenceResult

    init(_ shape: [Int], _ axis: Int, type: KernelType, seed: UInt64) throws {
      var random = SplitMix64(seed: seed)
      layer = try BatchNormLayer(shape: shape, featureAxis: axis, epsilon: 1e-3)
      let view = LayoutView(shape: shape, featureAxis: axis)
      x = (0..<view.elementCount).map { _ in 20 + random.normal() }.rounded(to: type)
      dy = x.map { _ in random.normal() }.rounded(to: type)
      gamma = (0..<view.featureCount).map { _ in random.normal() }
      beta = (0..<view.featureCount).map { _ in random.normal() }
      reference = batchNormReference(x: x, dy: dy, layout: view, gamma: gamma, beta: beta, epsilon: 1e-3)
    }
  }

  private static func error(_ values: [Double], _ expected: [Double]) -> Double {
    guard values.count == expected.count else { return .infinity }
    return zip(values, expected).map { $0 - $1 }.scale / max(expected.scale, 1)
  }

  @Test(arguments: shapes) func doublesAgreeWithTheReference(shape: (shape: [Int], axis: Int)) throws {
    let it = try Case(shape.shape, shape.axis, type: .double, seed: 3)
    let (y, statistics) = try it.layer.forward(it.x, gamma: it.gamma, beta: it.beta)
    let gradients = try it.layer.backward(it.x, it.dy, gamma: it.gamma)
    #expect(Self.error(y, it.reference.y) < 1e-12)
    #expect(Self.error(statistics.mean, it.reference.mean) < 1e-14)
    #expect(Self.error(statistics.variance, it.reference.variance) < 1e-14)
    #expect(statistics.count == it.reference.count)
    #expect(try it.layer.statistics(of: it.x) == statistics)
    #expect(Self.error(gradients.dx, it.reference.dx) < 1e-12)
    #expect(Self.error(gradients.dgamma, it.reference.dgamma) < 1e-12)
    #expect(Self.error(gradients.dbeta, it.reference.dbeta) < 1e-12)
  }

  @Test(arguments: shapes) func floatsAreRoundedOnce(shape: (shape: [Int], axis: Int)) throws {
    let it = try Case(shape.shape, shape.axis, type: .float, seed: 4)
    let (x, dy) = (it.x.map { Float($0) }, it.dy.map { Float($0) })
    let (y, statistics) = try it.layer.forward(x, gamma: it.gamma, beta: it.beta)
    let gradients = try it.layer.backward(x, dy, gamma: it.gamma)
    let wide = try it.layer.forward(it.x, gamma: it.gamma, beta: it.beta)
    #expect(y == wide.y.map { Float($0) } && statistics == wide.statistics)
    let wideGradients = try it.layer.backward(it.x, it.dy, gamma: it.gamma)
    #expect(gradients.dx == wideGradients.dx.map { Float($0) })
    #expect(gradients.dgamma == wideGradients.dgamma && gradients.dbeta == wideGradients.dbeta)
  }

  /// L = Σ w·y by central differences: ∂L/∂v ≈ (L(v + h) - L(v - h)) / 2h.
  @Test func gradientsAreTheSlopesOfTheLoss() throws {
    let it = try Case([4, 3, 2], 1, type: .double, seed: 5)
    func loss(_ x: [Double], _ gamma: [Double], _ beta: [Double]) throws -> Double {
      zip(try it.layer.forward(x, gamma: gamma, beta: beta).y, it.dy).reduce(0) { $0 + $1.0 * $1.1 }
    }
    func slopes(_ point: [Double], _ loss: ([Double]) throws -> Double) throws -> [Double] {
      try point.indices.map { index in
        var (ahead, behind) = (point, point)
        ahead[index] += 1e-5
        behind[index] -= 1e-5
        return (try loss(ahead) - loss(behind)) / (ahead[index] - behind[index])
      }
    }
    let gradients = try it.layer.backward(it.x, it.dy, gamma: it.gamma)
    #expect(Self.error(gradients.dx, try slopes(it.x) { try loss($0, it.gamma, it.beta) }) < 1e-7)
    #expect(Self.error(gradients.dgamma, try slopes(it.gamma) { try loss(it.x, $0, it.beta) }) < 1e-7)
    #expect(Self.error(gradients.dbeta, try slopes(it.beta) { try loss(it.x, it.gamma, $0) }) < 1e-7)
  }

  @Test func parametersAreOnesAndZerosUnlessGiven() throws {
    let it = try Case([8, 3], 1, type: .double, seed: 6)
    let (ones, zeros) = ([1.0, 1, 1], [0.0, 0, 0])
    #expect(try it.layer.forward(it.x).y == it.layer.forward(it.x, gamma: ones, beta: zeros).y)
    #expect(try it.layer.backward(it.x, it.dy) == it.layer.backward(it.x, it.dy, gamma: ones))
  }

  @Test func equalValuesGiveBetaWithoutEpsilon() throws {
    let layer = try BatchNormLayer(shape: [5, 2], epsilon: 0)
    let x = (0..<10).map { $0 % 2 == 0 ? Float(0.1) : Float($0) }
    let (y, statistics) = try layer.forward(x, gamma: [3, 1], beta: [0.25, 0])
    #expect(stride(from: 0, to: 10, by: 2).allSatisfy { y[$0] == 0.25 } && statistics.variance[0] == 0)
    let gradients = try layer.backward(x, x, gamma: [3, 1])
    #expect(stride(from: 0, to: 10, by: 2).allSatisfy { gradients.dx[$0] == 0 })
  }

  @Test(
    arguments: [
      ([], 1), ([4], 1), ([4, 3], 0), ([4, 3], 2), ([4, 3], -2), ([4, 3], -3), ([0, 3], 1), ([4, 0], 1),
      ([4, -3], 1),
      ([-4, -3], 1), ([Int.max, 2], 1), ([1 << 31, 1 << 31], 1),
    ] as [([Int], Int)])
  func wrongShapesAreErrors(shape: [Int], axis: Int) {
    #expect(throws: BatchNormLayerError.shape(shape, featureAxis: axis)) {
      try BatchNormLayer(shape: shape, featureAxis: axis)
    }
  }

  @Test func wrongNumbersAreErrors() throws {
    #expect(throws: BatchNormLayerError.epsilon(-1)) { try BatchNormLayer(shape: [4, 3], epsilon: -1) }
    #expect(throws: BatchNormLayerError.self) { try BatchNormLayer(shape: [4, 3], epsilon: .nan) }
    #expect(throws: BatchNormLayerError.epsilon(.infinity)) {
      try BatchNormLayer(shape: [4, 3], epsilon: .infinity)
    }
    #expect(throws: Never.self) { try BatchNormLayer(shape: [4, 3], epsilon: .greatestFiniteMagnitude) }
    let layer = try BatchNormLayer(shape: [2, 3])
    let x: [Float] = [1, 2, 3, 4, 5, 6]
    #expect(throws: BatchNormLayerError.count(of: .x, found: 5, expected: 6)) {
      try layer.statistics(of: Array(x.dropLast()))
    }
    #expect(throws: BatchNormLayerError.count(of: .x, found: 0, expected: 6)) { try layer.forward([Float]()) }
    #expect(throws: BatchNormLayerError.count(of: .dy, found: 0, expected: 6)) { try layer.backward(x, []) }
    #expect(throws: BatchNormLayerError.count(of: .gamma, found: 2, expected: 3)) {
      try layer.backward(x, x, gamma: [1, 2])
    }
    #expect(throws: BatchNormLayerError.count(of: .beta, found: 4, expected: 3)) {
      try layer.forward(x, beta: [1, 2, 3, 4])
    }
  }
}
