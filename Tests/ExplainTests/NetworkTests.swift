import BatchNormReference
import Testing

@testable import Explain

/// The gradient of the network, by its loss alone: central finite differences by every parameter.
@Suite(.timeLimit(.minutes(30))) struct NetworkTests {
  @Test(
    arguments: [
      (Network.Activation.relu, false, false), (.relu, true, false), (.relu, true, true),
      (.sigmoid, false, false), (.sigmoid, true, false), (.sigmoid, true, true),
    ])
  func gradient(_ activation: Network.Activation, _ hasBatchNorm: Bool, _ hasNoise: Bool) throws {
    let network = Network(
      inputs: 3, hidden: [5, 4], classes: 3, activation: activation, hasBatchNorm: hasBatchNorm)
    var random = SplitMix64(seed: 7)
    let x = DenseMatrix(rows: 9, columns: 3, values: (0..<27).map { _ in 2 * random.nextUnit() - 1 })
    let labels = (0..<9).map { $0 % 3 }
    // Away from where they begin, so that γ and β count.
    let parameters = network.initialParameters(seed: 3).map { $0 + 0.3 * (random.nextUnit() - 0.5) }
    let noise =
      hasNoise
      ? Network.Noise(
        scale: [5, 4].map { units in (0..<units).map { _ in 1 + random.nextUnit() } },
        shift: [5, 4].map { units in (0..<units).map { _ in random.nextUnit() - 0.5 } }) : nil
    let gradient = try network.pass(parameters, x, labels, noise: noise).gradient
    #expect(gradient.count == parameters.count)
    #expect(gradient.count == network.places.last!.all.upperBound)
    let scale = gradient.map(abs).max()!
    for index in parameters.indices {
      let step = 1e-6
      func loss(_ distance: Double) throws -> Double {
        var moved = parameters
        moved[index] += distance
        return try network.pass(moved, x, labels, noise: noise, wantsGradient: false).loss
      }
      let difference = try (loss(step) - loss(-step)) / (2 * step)
      // Rounding of the two losses, 2⁻⁵³ each, over the step; the third derivative times its square is less.
      #expect(
        abs(difference - gradient[index]) <= 1e-8 * scale,
        "parameter \(index): \(gradient[index]), by differences \(difference)")
    }
  }

  @Test("a bias before batch normalization would have no effect, so there is none")
  func parameters() {
    let without = Network(inputs: 2, hidden: [3], classes: 2, activation: .relu, hasBatchNorm: false)
    let with = Network(inputs: 2, hidden: [3], classes: 2, activation: .relu, hasBatchNorm: true)
    #expect(without.initialParameters(seed: 1).count == 2 * 3 + 3 + 3 * 2 + 2)
    #expect(with.initialParameters(seed: 1).count == 2 * 3 + 3 + 3 + 3 * 2 + 2)
    let weights = with.initialParameters(seed: 1)[0..<6]
    #expect(weights.allSatisfy { abs($0) <= 3.0.squareRoot() })
    #expect(Set(weights).count == 6)
    #expect(with.initialParameters(seed: 1)[with.places[0].gamma].allSatisfy { $0 == 1 })
  }
}
